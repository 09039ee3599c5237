'use strict';

/** @import { Cell } from './cell' */
/** @typedef {{ cell: Cell, took: number, error: Error | undefined }} Result */

/** @type {Record<Cell['way'], string>} */
const ways = {
  'nx add': 'nx add, alias',
  manager: 'own add, alias',
  'alias package': 'nx add, alias package',
};

/**
 * Prints the results of the cells, and how many failed.
 *
 * @param {Result[]} results
 * @param {Record<string, string>} versions of the package managers
 */
function printTable(results, versions) {
  const rows = [
    ['cell', 'Nx', 'manager', 'installed with', 'result', 'time'],
    ...results.map(({ cell, took, error }) => [
      cell.name,
      cell.nx,
      nameOf(cell, versions),
      ways[cell.way],
      resultOf(cell, error),
      `${(took / 1000).toFixed(0)} s`,
    ]),
  ];
  const widths = rows[0].map((_, i) =>
    Math.max(...rows.map((row) => row[i].length)),
  );
  console.log();
  for (const row of rows) {
    const cells = row.map((text, i) => text.padEnd(widths[i]));
    console.log(`  ${cells.join('  ').trimEnd()}`);
  }
  const failed = results.filter(({ error }) => error).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
}

/**
 * @param {Cell} cell
 * @param {Record<string, string>} versions
 */
function nameOf({ manager, bun }, versions) {
  const [tool] = manager.split('-');
  return `${tool} ${bun ?? versions[tool]}`;
}

/**
 * @param {Cell} cell
 * @param {Error | undefined} error
 */
function resultOf({ refused }, error) {
  if (error) return '✗';
  return refused ? '✔ refused by Nx itself' : '✔';
}

exports.printTable = printTable;
