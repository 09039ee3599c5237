'use strict';

/** @import { Cell } from './cell' */

/**
 * The newest version of each line. Nx looks for our package from 20.0.6 on; earlier versions
 * look only for the packages for S3 and for a shared folder.
 */
const nx = new Map([
  ['20.0', '20.0.13'],
  ['20.8', '20.8.4'],
  ['21', '21.6.11'],
  ['22', '22.7.12'],
  ['23', '23.3.2'],
  ['24', '24.0.6'],
]);

const add = 'nx add';
const manager = 'manager';
const aliasPackage = 'alias package';

/** Bun changed the format of its lockfile in 1.2 and in 1.4. */
const oldBun = '1.1.45';
const bunOfVersion1 = '1.3.9';

/** Nx's error in a workspace with a lockfile of a later Bun, whatever the command. */
const lockfile = /Unsupported lockfile version 2\. Supported versions: 0, 1/;

/** Old versions of packages that such caches depend on. */
const beside = {
  '@azure/identity': '3.4.2',
  '@azure/storage-blob': '12.17.0',
  'vscode-jsonrpc': '8.2.1',
};

const omitted = 'omit-optional';

/**
 * The cells. Each manager installs the package in each way in at least one cell.
 *
 * @type {Cell[]}
 */
const allCells = [
  cell('20.0', 'npm', add),
  cell('20.0', 'pnpm', add),
  cell('20.0', 'yarn-node-modules', manager),
  cell('20.0', 'yarn-pnp', manager),
  // This Nx knows only bun.lockb, and treats the workspace as an npm workspace.
  cell('20.0', 'bun', manager),
  cell('20.0', 'bun-1.1', add, { bun: oldBun }),

  cell('20.8', 'npm', add),
  cell('20.8', 'pnpm', add),
  cell('20.8', 'yarn-node-modules', manager),
  cell('20.8', 'yarn-pnp', manager),
  cell('20.8', 'bun', add),

  cell('21', 'npm', add),
  cell('21', 'pnpm', add),
  cell('21', 'yarn-node-modules', manager),
  cell('21', 'yarn-pnp', manager),
  cell('21', 'bun', add, { refused: lockfile }),
  cell('21', 'bun-1.3', add, { bun: bunOfVersion1 }),

  cell('22', 'npm', manager),
  cell('22', 'pnpm', manager),
  cell('22', 'yarn-node-modules', manager),
  cell('22', 'yarn-pnp', manager),
  cell('22', 'bun', manager, { refused: lockfile }),
  cell('22', 'bun-1.3', manager, { bun: bunOfVersion1 }),

  cell('23', 'npm', aliasPackage),
  cell('23', 'pnpm', aliasPackage),
  cell('23', 'yarn-node-modules', aliasPackage),
  cell('23', 'yarn-pnp', aliasPackage),
  cell('23', 'bun', aliasPackage),

  cell('24', 'npm', add),
  cell('24', 'pnpm', add),
  cell('24', 'yarn-node-modules', manager),
  cell('24', 'yarn-pnp', manager),
  cell('24', 'bun', add),

  // nx#33682: an unrelated update broke a cache. Each version here differs from ours.
  named('F12_conflicting_versions/npm', cell('24', 'npm', manager, { beside })),
  named(
    'F12_conflicting_versions/pnpm',
    cell('24', 'pnpm', manager, { beside }),
  ),
  named(
    'F12_conflicting_versions/yarn-pnp',
    cell('24', 'yarn-pnp', manager, { beside }),
  ),

  named('F29_omit_optional/npm', cell('24', 'npm', manager, { loss: omitted })),
  named(
    'F29_omit_optional/pnpm',
    cell('24', 'pnpm', manager, { loss: omitted }),
  ),
  named('F29_omit_optional/bun', cell('24', 'bun', manager, { loss: omitted })),
  named(
    'F29_lockfile_of_another_platform/npm',
    cell('24', 'npm', manager, { loss: 'lockfile-of-another-platform' }),
  ),
];

/**
 * The cells of npm test: the oldest Nx, each manager once, and Plug'n'Play with the newest.
 * The end-to-end tests have Nx 24 with npm.
 */
const quick = [
  'nx-20.0/npm',
  'nx-22/pnpm',
  'nx-24/bun',
  'nx-24/yarn-pnp',
  'F29_omit_optional/pnpm',
];

/**
 * @param {string} line
 * @param {string} name
 * @param {Cell['way']} way
 * @param {Partial<Cell>} [more]
 * @returns {Cell}
 */
function cell(line, name, way, more) {
  return {
    name: `nx-${line}/${name}`,
    nx: /** @type {string} */ (nx.get(line)),
    manager: /** @type {Cell['manager']} */ (name.replace(/-\d.*/, '')),
    way,
    ...more,
  };
}

/**
 * @param {string} name
 * @param {Cell} cell
 * @returns {Cell}
 */
function named(name, cell) {
  return { ...cell, name };
}

exports.allCells = allCells;
exports.quick = quick;
