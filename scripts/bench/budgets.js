'use strict';

// The budgets (design §11), and whether they are met: computed from what the
// same run has measured.

const { short } = require('./rows');
const { digits } = require('./tables');

/** @import { Contender } from './rows' */
/** @import { Result } from './tables' */

/** @typedef {Record<string, Result>} Results by the id of the row */

/**
 * Sizes in bytes: of the package of this platform, and of what the clients
 * store in relation to `gzip -6` of a tar.
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
 * @property {string} unit `×`, `ms`, `MB` or `MiB`
 * @property {(results: Results, sizes: Sizes) => number | undefined} measure
 *   undefined when this run has not measured it
 */

/**
 * @typedef {object} Verdict
 * @property {string} what
 * @property {string} target
 * @property {string} measured
 * @property {'met' | 'missed'} verdict
 */

/**
 * The time of ours in relation to another's.
 *
 * @param {string} row
 * @param {Contender} other
 */
const ofTime = (row, other) => (/** @type {Results} */ results) => {
  const { ours, [other]: theirs } = results[row]?.results ?? {};
  return ours && theirs && ours.ms / theirs.ms;
};

/**
 * How many times as fast ours is.
 *
 * @param {string} row
 * @param {Contender} other
 */
const faster = (row, other) => (/** @type {Results} */ results) => {
  const ratio = ofTime(row, other)(results);
  return ratio && 1 / ratio;
};

/** @param {string} row */
const time = (row) => (/** @type {Results} */ results) =>
  results[row]?.results.ours?.ms;

/** The most memory our server had in any row, in MiB. */
const memory = (/** @type {Results} */ results) => {
  const peaks = Object.values(results).flatMap(({ results: row }) =>
    [row.ours, row['two scopes']].flatMap((figures) => figures?.rssChild ?? []),
  );
  return peaks.length > 0 ? Math.max(...peaks) / 2 ** 20 : undefined;
};

/**
 * The largest package.
 *
 * @param {'binary' | 'download'} what
 */
const size = (what) => (/** @type {Results} */ _, /** @type {Sizes} */ sizes) =>
  Math.max(...Object.values(sizes.packages).map((sizes) => sizes[what])) / 1e6;

/**
 * Bytes stored in relation to gzip's, or to what they were.
 *
 * @param {string} workload
 * @param {'gzip' | 'input'} what
 */
const bytes =
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

const p1 = "as fast as Nx's client";

/**
 * The rows of a large file. A quick run has a smaller one.
 *
 * @param {string} name
 * @returns {Budget[]}
 */
const ofLargeFile = (name) => [
  atLeast(`store ${short[name]}: ${p1}`, 8, faster(`store ${name}`, 'nx')),
  atMost(
    `retrieve ${short[name]} / plain writing`,
    1.3,
    '×',
    ofTime(`retrieve ${name}`, 'write'),
  ),
  atLeast(
    `retrieve 8 × ${short[name]} at once: ${p1}`,
    1,
    faster(`retrieve 8×${name}`, 'nx'),
  ),
  atLeast(
    `retrieve ${short[name]} at 20 ms, 60 MB/s: ${p1}`,
    2.5,
    faster(`retrieve ${name} account`, 'nx'),
  ),
];

/** @type {Budget[]} */
const budgets = [
  atMost('spawn to `initialize` answered', 15, 'ms', time('initialize')),
  atMost('binary', 13, 'MB', size('binary')),
  atMost('npm download per platform', 5, 'MB', size('download')),
  ...['W0', 'W1', 'W2', 'W2q', 'W5'].map((name) =>
    atMost(
      `Nx waits for \`store\`, ${short[name]}`,
      5,
      'ms',
      time(`wait ${name}`),
    ),
  ),
  atLeast(`store ${short.W1}: ${p1}`, 4, faster('store W1', 'nx')),
  atMost(
    `retrieve ${short.W1} / \`cp -r\``,
    1.3,
    '×',
    ofTime('retrieve W1', 'cp -r'),
  ),
  ...ofLargeFile('W2'),
  ...ofLargeFile('W2q'),
  atMost(
    `retrieve ${short.W4} / raw GETs`,
    1.3,
    '×',
    ofTime('retrieve W4', 'raw GET'),
  ),
  atMost(
    `retrieve ${short.W4} at 20 ms, 60 MB/s / raw GETs`,
    1.3,
    '×',
    ofTime('retrieve W4 account', 'raw GET'),
  ),
  atMost(
    '300 misses at once at 20 ms, 60 MB/s: two scopes / one',
    1.3,
    '×',
    faster('miss 300 account', 'two scopes'),
  ),
  atMost('whole run, all remote / all local', 1.3, '×', ofTime('run', 'local')),
  atMost('peak memory of the child, any row', 96, 'MiB', memory),
  ...['W1', 'W5'].map((name) =>
    atMost(
      `stored bytes / \`gzip -6\`, ${short[name]}`,
      0.8,
      '×',
      bytes(name, 'gzip'),
    ),
  ),
  atMost(`stored bytes / bytes, ${short.W3}`, 1.01, '×', bytes('W3', 'input')),
];

/**
 * Judges what was measured. A row that failed, or was not run, has no verdict.
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
  return unit === '×' ? `${value}×` : `${value} ${unit}`;
}

exports.budgets = budgets;
exports.classify = classify;
