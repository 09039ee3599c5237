'use strict';

const { prepare } = require('./measure');
const { rotated, summarize } = require('./statistics');

/** @import { Contender, Row } from './rows' */
/** @import { Sample } from './statistics' */
/** @import { Result } from './tables' */
/** @import { Testbed } from './testbed' */

/**
 * Measures a row. Each round measures all contenders, one after the other. A
 * first round does not count.
 *
 * @param {Testbed} testbed
 * @param {Row} row
 * @param {number} rounds
 * @returns {Promise<Result>}
 */
async function measureRow(testbed, row, rounds) {
  const measure = await prepare(testbed, row);
  if (row.link !== 'azurite') await testbed.use(row.link);
  /** @type {Partial<Record<Contender, Sample[]>>} */
  const samples = {};
  try {
    for (const contender of row.contenders) {
      await measure(contender, { thorough: true });
    }
    for (let round = 0; round < rounds; round++) {
      for (const contender of rotated(row.contenders, round)) {
        const sample = await measure(contender);
        (samples[contender] ??= []).push(sample);
      }
    }
  } finally {
    await testbed.use('loopback'); // the next row first stores what it reads
  }
  return {
    title: row.title,
    results: Object.fromEntries(
      row.contenders.map((name) => [name, summarize(samples[name] ?? [])]),
    ),
  };
}

/**
 * The row itself, and a row for each part that it timed separately.
 *
 * @param {Row} row
 * @param {Result} result
 * @returns {[id: string, Result][]}
 */
function withParts(row, result) {
  const wholeRow = /** @type {[string, Result]} */ ([row.id, result]);
  if (row.action === 'open') {
    const title = 'start: `getRemoteCache` to its end';
    return [['opened', part(result, 'opened', title)], wholeRow];
  }
  const isLatency =
    row.action === 'store' && row.link === 'loopback' && row.copies === 1;
  if (!isLatency) return [wholeRow];
  const title = row.title.replace('store', 'Nx waits for `store`,');
  return [wholeRow, [`wait ${row.workload}`, part(result, 'latency', title)]];
}

/**
 * @param {Result} result
 * @param {'latency' | 'opened'} key
 * @param {string} title
 * @returns {Result}
 */
function part({ results }, key, title) {
  return {
    title,
    results: Object.fromEntries(
      Object.entries(results).flatMap(([name, { [key]: ms }]) =>
        ms === undefined ? [] : [[name, { ms, rounds: [] }]],
      ),
    ),
  };
}

exports.measureRow = measureRow;
exports.withParts = withParts;
