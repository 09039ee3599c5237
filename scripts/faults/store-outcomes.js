'use strict';

// Records what Nx hands over to the cache in a run, and what happens to each result.

const assert = require('node:assert/strict');
const fs = require('node:fs');

/** For `recordCalls`. */
const hooks = {
  /**
   * Notes, before anything else happens, how many files Nx hands over.
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
 * The lines of a file, which is removed.
 *
 * @param {string} file
 */
function takeLines(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
  fs.rmSync(file);
  return lines;
}

/**
 * How many files Nx has handed over, for each of its calls.
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
 * Reports whether the runs of a log say that they have stored a result. Asserts that they
 * say of each call what became of it.
 *
 * @param {string} hash
 * @param {number} calls in which Nx has handed it over
 * @param {string[]} log
 */
function isStoredThen(hash, calls, log) {
  const told = log
    .map((line) => JSON.parse(line))
    .filter((line) => line.hash === hash && /^stored?$/.test(line.message))
    .map(({ outcome, error, reason }) => outcome ?? error ?? reason);
  assert.equal(told.length, calls, `${hash}: ${told}`);
  for (const what of told) {
    assert.match(
      what,
      /^(stored|exists|changed|evicted|skipped: .*|is incomplete: .*)$/,
    );
  }
  return told.some((what) => /^(stored|exists)$/.test(what));
}

exports.countsByHash = countsByHash;
exports.hooks = hooks;
exports.isStoredThen = isStoredThen;
exports.takeLines = takeLines;
