'use strict';

// What Nx hands over to the cache in a run, and what becomes of each result.

const assert = require('node:assert/strict');
const fs = require('node:fs');

/** For `spyOn`. */
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
 * Asserts that each result that Nx has handed over was stored, or left out with a reason,
 * and that other machines get it if one was stored.
 *
 * @param {{ hash: string, cacheStatus: string }} elsewhere how another machine got it
 * @param {number} calls in which Nx has handed it over
 * @param {string[]} log of the runs
 */
function assertAccounted({ hash, cacheStatus }, calls, log) {
  const lines = log.map((line) => JSON.parse(line));
  const told = lines
    .filter((line) => line.hash === hash && /^stored?$/.test(line.message))
    .map(({ outcome, error, reason }) => outcome ?? error ?? reason);
  assert.equal(told.length, calls, `${hash}: ${told}`);
  const isStored = told.some((what) => /^(stored|exists)$/.test(what));
  const isKnown = (/** @type {string} */ what) =>
    /^(stored|exists|changed|evicted|left out: .*|is incomplete: .*)$/.test(
      what,
    );
  assert.deepEqual(
    told.filter((what) => !isKnown(what)),
    [],
  );
  const isHit = cacheStatus === 'remote-cache-hit';
  if (calls > 0) assert.equal(isHit, isStored, `${hash}: ${told}`);
}

exports.assertAccounted = assertAccounted;
exports.countsByHash = countsByHash;
exports.hooks = hooks;
exports.takeLines = takeLines;
