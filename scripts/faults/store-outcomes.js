'use strict';

// Compares the calls of `store` in a run with what the cache logged for each result.

const assert = require('node:assert/strict');
const fs = require('node:fs');

/** Hooks for `recordCalls`. */
const hooks = {
  /**
   * Records how many files a result has when Nx calls `store`.
   *
   * @param {string} hash
   * @param {string} cacheDirectory
   */
  beforeStore(hash, cacheDirectory) {
    const { existsSync, readdirSync, appendFileSync } = require('node:fs');
    const folder = `${cacheDirectory}/${hash}`;
    const names = existsSync(folder)
      ? readdirSync(folder, { recursive: true })
      : [];
    const files = names.filter((name) => String(name).endsWith('.txt')).length;
    appendFileSync(`${process.env.HOME}/handed-over`, `${hash} ${files}\n`);
  },
};

/**
 * Reads the lines of a file and removes it.
 *
 * @param {string} file
 */
function takeLines(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
  fs.rmSync(file);
  return lines;
}

/**
 * Returns the file counts of all calls, by hash.
 *
 * @param {string[]} lines of `hooks`
 */
function countsByHash(lines) {
  /** @type {Map<string, number[]>} */
  const counts = new Map();
  for (const line of lines) {
    const [hash, files] = line.split(' ');
    counts.set(hash, [...(counts.get(hash) ?? []), Number(files)]);
  }
  return counts;
}

/**
 * Reports whether the log says that a result was stored. Asserts that the log has an outcome for
 * each call.
 *
 * @param {string} hash
 * @param {number} calls of `store` with this hash
 * @param {string[]} log
 */
function wasStored(hash, calls, log) {
  const outcomes = log
    .map((line) => JSON.parse(line))
    .filter((line) => line.hash === hash && /^stored?$/.test(line.message))
    .map(({ outcome, error, reason }) => outcome ?? error ?? reason);
  assert.equal(outcomes.length, calls, `${hash}: ${outcomes}`);
  for (const outcome of outcomes) {
    assert.match(
      outcome,
      /^(stored|exists|changed|evicted|skipped: .*|is incomplete: .*)$/,
    );
  }
  return outcomes.some((outcome) => /^(stored|exists)$/.test(outcome));
}

exports.countsByHash = countsByHash;
exports.hooks = hooks;
exports.wasStored = wasStored;
exports.takeLines = takeLines;
