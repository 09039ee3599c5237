'use strict';

// npm run test:matrix [-- PATTERN …] [-- --quick] [-- --jobs N] [-- --keep]
//
// Tests every Nx with every package manager (docs/testing.md). Each cell installs
// a workspace as users of that Nx and manager do, from the packages of this source
// in Verdaccio, and builds it on two machines that share a container in Azurite.
// Runs all cells, or those whose names contain a PATTERN (nx-24, pnpm,
// nx-20.0/bun). --quick runs only the cells of npm test. --keep keeps the folders
// of cells that fail.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { atEnd, runMain } = require('./kit/cleanup');
const { startShared } = require('./kit/shared');
const { addPlatformsOfNx } = require('./kit/stand-ins');
const { CellRun } = require('./matrix/cell');
const { allCells, quick } = require('./matrix/cells');
const { MissingRun } = require('./matrix/missing');
const { printTable } = require('./matrix/table');
const { installTools } = require('./matrix/tools');

/** @import { Cell, Shared } from './matrix/cell' */
/** @import { Result } from './matrix/table' */

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      jobs: { type: 'string', default: '2' },
      keep: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
    },
  });
  const jobs = Number(values.jobs);
  if (!(jobs >= 1))
    throw new Error(`--jobs must be a number from 1, not ${values.jobs}`);
  const cells = selectCells(positionals, values.quick);
  const shared = await startMatrix(cells);
  const results = await runCells(cells, shared, jobs, values.keep);
  printTable(results, shared.tools.versions);
  return results.every(({ error }) => !error) ? 0 : 1;
}

/**
 * @param {string[]} patterns
 * @param {boolean} isQuick
 */
function selectCells(patterns, isQuick) {
  const cells = allCells.filter(
    ({ name }) =>
      (!isQuick || quick.includes(name)) &&
      (patterns.length === 0 || patterns.some((text) => name.includes(text))),
  );
  if (cells.length > 0) return cells;
  const names = allCells.map(({ name }) => name).join(', ');
  throw new Error(
    `no cell's name contains ${patterns.join(', ')}; the cells are ${names}`,
  );
}

/**
 * Starts the servers and installs the tools that all cells share.
 *
 * @param {Cell[]} cells
 * @returns {Promise<Omit<Shared, 'folder'>>}
 */
async function startMatrix(cells) {
  const buns = cells.flatMap(({ bun }) => bun ?? []);
  const shared = await startShared();
  const tools = await installTools(buns);
  for (const nx of new Set(cells.map(({ nx }) => nx))) {
    await addPlatformsOfNx(shared.registry, nx);
  }
  return { ...shared, tools };
}

/**
 * @param {Cell[]} cells
 * @param {Omit<Shared, 'folder'>} shared
 * @param {number} jobs how many cells run at once
 * @param {boolean} keep
 * @returns {Promise<Result[]>}
 */
async function runCells(cells, shared, jobs, keep) {
  // Its name is short, because Nx makes sockets below it.
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'nxm'));
  if (!keep) atEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  const waiting = [...cells];
  /** @type {Result[]} */
  const results = [];
  const worker = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
      const cellFolder = path.join(folder, cell.name.replace('/', '-'));
      const result = await runCell(cell, { ...shared, folder: cellFolder });
      results.push(result);
      if (keep && result.error) console.log(`Its folder is ${cellFolder}`);
      else
        fs.rmSync(cellFolder, { recursive: true, force: true, maxRetries: 3 });
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return cells.flatMap(
    (cell) => results.find((result) => result.cell === cell) ?? [],
  );
}

/**
 * @param {Cell} cell
 * @param {Shared} shared
 * @returns {Promise<Result>}
 */
async function runCell(cell, shared) {
  const started = performance.now();
  const Run = cell.loss ? MissingRun : CellRun;
  const error = await new Run(cell, shared).run().then(
    () => undefined,
    (/** @type {Error} */ err) => err,
  );
  const took = performance.now() - started;
  const seconds = (took / 1000).toFixed(0);
  console.log(`${error ? '✗' : '✔'} ${cell.name} (${seconds} s)`);
  if (error) console.log(error.message.trim().replace(/^/gm, '  │ '));
  return { cell, took, error };
}

runMain(main);
