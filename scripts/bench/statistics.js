'use strict';

/**
 * The middle of some numbers, which one bad round does not move.
 *
 * @param {readonly number[]} values
 */
function median(values) {
  if (values.length === 0) throw new Error('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The order of a round: every contender is first, second and so on equally
 * often, so that none always follows the same other.
 *
 * @template T
 * @param {readonly T[]} values
 * @param {number} round
 * @returns {T[]}
 */
function rotated(values, round) {
  const by = round % values.length;
  return [...values.slice(by), ...values.slice(0, by)];
}

/**
 * What one measuring has given. Bytes, milliseconds, seconds of CPU.
 *
 * @typedef {object} Sample
 * @property {number} ms
 * @property {number} [latency] milliseconds for which Nx waits for `store`
 * @property {number} [opened] milliseconds until `getRemoteCache` ended
 * @property {number} [sent] bytes in bodies of requests
 * @property {number} [received] bytes in bodies of answers
 * @property {number} [requests]
 * @property {number} [stored] bytes in the container
 * @property {number} [rssNode] the most memory that Node had
 * @property {number} [rssChild] the most memory that our server had
 * @property {number} [cpu] seconds, of Node and our server
 */

/**
 * A contender's figures in a row: medians, of memory the most, and all times.
 *
 * @typedef {Sample & { rounds: number[] }} Figures
 */

/** Memory is bounded, not typical: the worst round counts. */
const worst = new Set(['rssNode', 'rssChild']);

/**
 * @param {readonly Sample[]} samples
 * @returns {Figures}
 */
function summarize(samples) {
  /** @type {Record<string, number>} */
  const figures = {};
  for (const key of /** @type {(keyof Sample)[]} */ (Object.keys(samples[0]))) {
    const values = samples.flatMap((sample) => sample[key] ?? []);
    if (values.length === 0) continue;
    const value = worst.has(key) ? Math.max(...values) : median(values);
    figures[key] = rounded(value);
  }
  return /** @type {any} */ ({
    ...figures,
    rounds: samples.map(({ ms }) => rounded(ms)),
  });
}

/**
 * Four significant digits: more is noise, and makes diffs unreadable.
 *
 * @param {number} value
 */
function rounded(value) {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

exports.median = median;
exports.rotated = rotated;
exports.summarize = summarize;
