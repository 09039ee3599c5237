'use strict';

// npm run bench [-- --quick] [-- --rounds N] [-- --only PATTERN] [-- --keep]
//
// The benchmark compares our client, Nx's own, a plain JavaScript plugin and the
// machine's limits (docs/performance.md). A full run writes docs/performance.md
// and docs/performance/. --quick measures less, in about a minute; --only
// measures the rows whose names contain PATTERN. Both write their findings below
// node_modules/.cache/bench. --keep keeps the restored files.

const { parseArgs } = require('node:util');
const { build, platforms } = require('./build');
const { classify } = require('./bench/budgets');
const { describeMachine } = require('./bench/facts');
const { folders } = require('./bench/folders');
const { publish } = require('./bench/publish');
const { measureRow, withParts } = require('./bench/rounds');
const { sets } = require('./bench/rows');
const { buildTool } = require('./bench/servers');
const { measureSizes } = require('./bench/sizes');
const tables = require('./bench/tables');
const { createTestbed } = require('./bench/testbed');
const { runMain } = require('./kit/cleanup');
const { install } = require('./kit/install');

/** @import { Results } from './bench/budgets' */
/** @import { Row } from './bench/rows' */
/** @import { Testbed } from './bench/testbed' */

async function main() {
  const options = readOptions();
  if (process.platform !== 'linux') {
    console.log('The bench reads /proc: it runs on Linux only.');
    return;
  }
  await install();
  const machine = await describeMachine();
  if (machine.loadBefore > 0.5) {
    console.log(`This machine is busy (load ${machine.loadBefore}).`);
  }
  console.log('Building …');
  await build({
    targets: options.isFull ? platforms : undefined,
    out: folders.packages,
  });
  await buildTool();

  const testbed = await createTestbed(options);
  const { results, failures } = await measureAll(testbed, options);
  const sizes = await measureSizes(testbed, results);
  const verdicts = classify(results, sizes);
  const rows = Object.values(results);
  for (const table of [
    tables.timeTable(rows),
    tables.costTable(rows),
    tables.sizeTable(sizes),
    tables.budgetTable(verdicts),
  ]) {
    console.log(`\n${tables.asText(table)}`);
  }
  const where = await publish(
    { machine, rounds: options.rounds, results, sizes, verdicts, failures },
    options.isFull && failures.length === 0 ? null : options.set,
  );
  console.log(`\nWritten to ${where}`);
  for (const failure of failures) console.error(`failed: ${failure}`);
  return failures.length > 0 ? 1 : 0;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      tiny: { type: 'boolean', default: false }, // for bench.test.js
      rounds: { type: 'string' },
      only: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
    },
  });
  const set = values.tiny ? 'tiny' : values.quick ? 'quick' : 'full';
  const rounds = Number(values.rounds ?? (set === 'full' ? 5 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(
      `--rounds must be a whole number from 1, not ${values.rounds}`,
    );
  }
  const rows = sets[set].filter(({ id }) => id.includes(values.only));
  if (rows.length === 0) {
    const known = sets[set].map(({ id }) => id).join('\n  ');
    throw new Error(
      `no row's name contains ${values.only}. The rows are\n  ${known}`,
    );
  }
  const isFull = set === 'full' && !values.only && rounds >= 5;
  return { set, rows, rounds, isFull, keep: values.keep };
}

/**
 * Measures the rows. A row that fails does not stop the others.
 *
 * @param {Testbed} testbed
 * @param {{ rows: Row[], rounds: number }} options
 */
async function measureAll(testbed, { rows, rounds }) {
  /** @type {Results} */
  const results = {};
  const failures = [];
  for (const row of rows) {
    try {
      const result = await measureRow(testbed, row, rounds);
      for (const [id, part] of withParts(row, result)) results[id] = part;
      const times = Object.entries(result.results).map(
        ([name, { ms }]) => `${name} ${tables.time(ms)}`,
      );
      console.log(`${row.id}: ${times.join(', ')}`);
    } catch (err) {
      const { message } = /** @type {Error} */ (err);
      console.error(`${row.id} failed: ${message}`);
      failures.push(`${row.id}: ${message}`);
    }
  }
  return { results, failures };
}

runMain(main);
