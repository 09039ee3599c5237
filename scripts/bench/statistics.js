'use strict';

/**
 * The median, which one bad round does not move.
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
 * The order of a round. Over all rounds, each contender is first, second and so
 * on equally often.
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
 * The figures of one measurement.
 *
 * @typedef {object} Sample
 * @property {number} ms
 * @property {number} [latency] milliseconds for which Nx waits for `store`
 * @property {number} [opened] milliseconds until `getRemoteCache` resolved
 * @property {number} [sent] bytes in request bodies
 * @property {number} [received] bytes in response bodies
 * @property {number} [requests]
 * @property {number} [stored] bytes in the container
 * @property {number} [rssNode] peak memory of Node, in bytes
 * @property {number} [rssChild] peak memory of our server, in bytes
 * @property {number} [cpu] seconds of Node and our server
 */

/**
 * A contender's figures in a row: medians, peak memory, and the times of all
 * rounds.
 *
 * @typedef {Sample & { rounds: number[] }} Figures
 */

/** The budget bounds memory, so its worst round counts. */
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
