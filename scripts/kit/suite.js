'use strict';

// Runs a suite: a folder of tests with real Nx, the npm packages, the binary and Azurite.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { atEnd } = require('./cleanup');
const { isolatePlugins } = require('./machine');
const { attempt, run } = require('./run');
const { buildWithoutCache, environmentOf, startShared } = require('./shared');
const { testFiles } = require('./test-files');
const { variables } = require('./tests');

/** @import { Shared } from './shared' */
/** @import { Selection } from './tests' */

/**
 * @typedef {object} Suite
 * @property {string} folder of the tests, relative to the repository
 * @property {boolean} [isLinuxOnly] whether it needs /proc
 * @property {(shared: Shared) => Promise<NodeJS.ProcessEnv>} [prepare] the variables
 *   that its tests need beside those of all suites
 */

/**
 * Runs the tests that the command line selects with PATTERNs, --quick or --nightly. With
 * --list prints their names instead. With --quick, Nx starts no process for each of its
 * own plugins, which saves a third of the CPU of a run.
 *
 * @param {Suite} suite
 * @returns {Promise<number>} an exit code
 */
async function runSuite({ folder, isLinuxOnly = false, prepare }) {
  const { values, positionals: patterns } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      nightly: { type: 'boolean' },
      list: { type: 'boolean' },
    },
  });
  const extent = values.quick ? 'quick' : values.nightly ? 'nightly' : 'full';
  /** @type {Selection} */
  const selection = { patterns, extent };
  if (values.list) {
    console.log((await testNames(folder, selection)).join('\n'));
    return 0;
  }
  if (isLinuxOnly && process.platform !== 'linux') {
    console.log(
      `The tests of ${folder} read /proc, so they run on Linux only.`,
    );
    return 0;
  }
  const files = filesFor(folder, patterns);
  const shared = await startShared();
  await buildWithoutCache(shared);
  const more = await prepare?.(shared);
  const TMPDIR = temporaryFiles();
  const names = path.join(shared.folder, `${path.basename(folder)}.names`);
  const { code } = await attempt(
    'node',
    ['--test', '--test-concurrency=2', ...files],
    {
      echo: true,
      env: {
        ...process.env,
        ...environmentOf(shared),
        ...more,
        TMPDIR,
        [variables.selection]: JSON.stringify(selection),
        [variables.names]: names,
        ...(extent === 'quick' && { [isolatePlugins]: 'false' }),
      },
    },
  );
  if (!fs.existsSync(names)) {
    throw new Error(`no test's name starts with ${patterns.join(', ')}`);
  }
  return code;
}

/**
 * The files that may hold tests whose names begin with one of the patterns. A test
 * `F05_…` is in a file `F05…`, if there is one.
 *
 * @param {string} folder
 * @param {string[]} patterns
 */
function filesFor(folder, patterns) {
  const all = testFiles(folder);
  if (patterns.length === 0) return all;
  const found = patterns.map((pattern) => {
    const [word] = pattern.split('_');
    return all.filter((file) => path.basename(file).startsWith(word));
  });
  return found.some((files) => files.length === 0)
    ? all
    : [...new Set(found.flat())];
}

/**
 * The names of a suite's tests, without running any. Loads the files, and so also finds names
 * that a loop makes.
 *
 * @param {string} folder
 * @param {Selection} [selection]
 * @returns {Promise<string[]>}
 */
async function testNames(
  folder,
  selection = { patterns: [], extent: 'nightly' },
) {
  const folderOfNames = fs.mkdtempSync(path.join(os.tmpdir(), 'test-names-'));
  const names = path.join(folderOfNames, 'names');
  const env = {
    ...process.env,
    [variables.selection]: JSON.stringify(selection),
    [variables.names]: names,
    [variables.list]: '1',
  };
  try {
    fs.writeFileSync(names, '');
    for (const file of filesFor(folder, selection.patterns)) {
      await run(process.execPath, [file], { env });
    }
    return fs.readFileSync(names, 'utf8').trim().split('\n');
  } finally {
    fs.rmSync(folderOfNames, { recursive: true });
  }
}

/**
 * A folder for the temporary files of all runs, where tests look for leftovers. Its name is
 * short, because Nx makes sockets in it.
 */
function temporaryFiles() {
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'nxt'));
  atEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

exports.runSuite = runSuite;
exports.testNames = testNames;
