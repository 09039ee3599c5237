'use strict';

// The budgets, and whether the measurements of one run meet them.

const { short } = require('./rows');
const { median } = require('./statistics');
const { digits } = require('./tables');

/** @import { Contender } from './rows' */
/** @import { Result } from './tables' */

/** @typedef {Record<string, Result>} Results by row id */

/**
 * Sizes in bytes: of the packages, and of stored results beside a tar of them
 * and its `gzip -6`.
 *
 * @typedef {object} Sizes
 * @property {Record<string, { binary: number, download: number }>} packages
 * @property {Record<string, { input: number, tar: number, gzip: number, ours: number }>} stored
 *   by workload
 */

/**
 * @typedef {object} Budget
 * @property {string} what
 * @property {number} target
 * @property {'at most' | 'at least'} bound
 * @property {string} unit `×`, `ms`, `MB`, `MiB` or none
 * @property {(results: Results, sizes: Sizes) => number | undefined} measure
 *   undefined if this run did not measure it
 */

/**
 * @typedef {object} Verdict
 * @property {string} what
 * @property {string} target
 * @property {string} measured
 * @property {'met' | 'missed'} verdict
 */

/**
 * Our time divided by another contender's.
 *
 * @param {string} row
 * @param {Contender} other
 */
const timeRatio = (row, other) => (/** @type {Results} */ results) => {
  const { ours, [other]: theirs } = results[row]?.results ?? {};
  return ours && theirs && ours.ms / theirs.ms;
};

/**
 * How many times as fast as another contender we are.
 *
 * @param {string} row
 * @param {Contender} other
 */
const speedup = (row, other) => (/** @type {Results} */ results) => {
  const ratio = timeRatio(row, other)(results);
  return ratio && 1 / ratio;
};

/** @param {string} row */
const ourTime = (row) => (/** @type {Results} */ results) =>
  results[row]?.results.ours?.ms;

/**
 * The cost of a record of the run: each round's time with it divided by the same round's
 * without. Their median shows less than the noise of the machine.
 *
 * @param {string} row
 * @param {Contender} record
 * @param {Contender} without
 */
const recordRatio =
  (row, record, without) => (/** @type {Results} */ results) => {
    const { [record]: one, [without]: other } = results[row]?.results ?? {};
    if (!one || !other) return undefined;
    return median(one.rounds.map((ms, round) => ms / other.rounds[round]));
  };

/** How many requests the record of a run adds. */
const recordRequests = (/** @type {Results} */ results) => {
  const row = results['run records account']?.results;
  const { records, 'no records': without } = row ?? {};
  if (records?.requests === undefined) return undefined;
  return records.requests - (without?.requests ?? 0);
};

/** The peak memory of our server over all rows, in MiB. */
const peakMemory = (/** @type {Results} */ results) => {
  const peaks = Object.values(results).flatMap(({ results: row }) =>
    [row.ours, row['two scopes'], row.records].flatMap(
      (figures) => figures?.rssChild ?? [],
    ),
  );
  return peaks.length > 0 ? Math.max(...peaks) / 2 ** 20 : undefined;
};

/**
 * The size of the largest package, in MB.
 *
 * @param {'binary' | 'download'} what
 */
const packageSize =
  (what) => (/** @type {Results} */ _, /** @type {Sizes} */ sizes) =>
    Math.max(...Object.values(sizes.packages).map((sizes) => sizes[what])) /
    1e6;

/**
 * Our stored bytes divided by gzip's, or by those of the input.
 *
 * @param {string} workload
 * @param {'gzip' | 'input'} what
 */
const storedRatio =
  (workload, what) =>
  (/** @type {Results} */ _, /** @type {Sizes} */ { stored }) => {
    const sizes = stored[workload];
    return sizes?.ours && sizes.ours / sizes[what];
  };

/** @type {(what: string, target: number, unit: string, measure: Budget['measure']) => Budget} */
const atMost = (what, target, unit, measure) => ({
  ...{ what, target, bound: 'at most', unit, measure },
});

/** @type {(what: string, target: number, measure: Budget['measure']) => Budget} */
const atLeast = (what, target, measure) => ({
  ...{ what, target, bound: 'at least', unit: '×', measure },
});

const asFastAsNx = "as fast as Nx's client";

/**
 * The budgets of a large file. A quick run has a smaller one.
 *
 * @param {string} name
 * @returns {Budget[]}
 */
const largeFileBudgets = (name) => [
  atLeast(
    `store ${short[name]}: ${asFastAsNx}`,
    8,
    speedup(`store ${name}`, 'nx'),
  ),
  atMost(
    `retrieve ${short[name]} / plain writing`,
    1.3,
    '×',
    timeRatio(`retrieve ${name}`, 'write'),
  ),
  atLeast(
    `retrieve 8 × ${short[name]} at once: ${asFastAsNx}`,
    1,
    speedup(`retrieve 8×${name}`, 'nx'),
  ),
  atLeast(
    `retrieve ${short[name]} at 20 ms, 60 MB/s: ${asFastAsNx}`,
    2.5,
    speedup(`retrieve ${name} account`, 'nx'),
  ),
];

/** @type {Budget[]} */
const budgets = [
  atMost('spawn to `initialize` answered', 15, 'ms', ourTime('initialize')),
  atMost('binary', 13, 'MB', packageSize('binary')),
  atMost('npm download per platform', 5, 'MB', packageSize('download')),
  ...['W0', 'W1', 'W2', 'W2q', 'W5'].map((name) =>
    atMost(
      `Nx waits for \`store\`, ${short[name]}`,
      5,
      'ms',
      ourTime(`wait ${name}`),
    ),
  ),
  atLeast(`store ${short.W1}: ${asFastAsNx}`, 4, speedup('store W1', 'nx')),
  atMost(
    `retrieve ${short.W1} / \`cp -r\``,
    1.3,
    '×',
    timeRatio('retrieve W1', 'cp -r'),
  ),
  ...largeFileBudgets('W2'),
  ...largeFileBudgets('W2q'),
  atMost(
    `retrieve ${short.W4} / raw GETs`,
    1.3,
    '×',
    timeRatio('retrieve W4', 'raw GET'),
  ),
  atMost(
    `retrieve ${short.W4} at 20 ms, 60 MB/s / raw GETs`,
    1.3,
    '×',
    timeRatio('retrieve W4 account', 'raw GET'),
  ),
  atMost(
    '300 misses at once at 20 ms, 60 MB/s: two scopes / one',
    1.3,
    '×',
    speedup('miss 300 account', 'two scopes'),
  ),
  atMost(
    'whole run, all remote / all local',
    1.3,
    '×',
    timeRatio('run', 'local'),
  ),
  atMost(
    'whole run in CI, with its record / without',
    1.01,
    '×',
    recordRatio('run records account', 'records', 'no records'),
  ),
  atMost(
    "whole run on a developer's machine, with its record / without",
    1.01,
    '×',
    recordRatio('run local hits account', 'local records', 'local hits'),
  ),
  atMost('requests for the record of a run', 1, '', recordRequests),
  atMost('peak memory of the child, any row', 96, 'MiB', peakMemory),
  ...['W1', 'W5'].map((name) =>
    atMost(
      `stored bytes / \`gzip -6\`, ${short[name]}`,
      0.8,
      '×',
      storedRatio(name, 'gzip'),
    ),
  ),
  atMost(
    `stored bytes / bytes, ${short.W3}`,
    1.01,
    '×',
    storedRatio('W3', 'input'),
  ),
];

/**
 * Compares the measurements with the budgets. A row that failed or did not run
 * has no verdict.
 *
 * @param {Results} results
 * @param {Sizes} sizes
 * @returns {Verdict[]}
 */
function classify(results, sizes) {
  return budgets.flatMap(({ what, target, bound, unit, measure }) => {
    const value = measure(results, sizes);
    if (value === undefined) return [];
    const isMet = bound === 'at most' ? value <= target : value >= target;
    const sign = bound === 'at most' ? '≤' : '≥';
    return {
      what,
      target: `${sign} ${inUnit(target, unit)}`,
      measured: inUnit(digits(value), unit),
      verdict: isMet ? 'met' : 'missed',
    };
  });
}

/**
 * @param {number | string} value
 * @param {string} unit
 */
function inUnit(value, unit) {
  return unit === '×' ? `${value}×` : `${value} ${unit}`.trim();
}

exports.budgets = budgets;
exports.classify = classify;
