'use strict';

// npm run test:redteam [-- PATTERN …] [-- --quick]
//
// Attacks on main by way of the cache, each a test with real Nx, the real npm
// package and binary, and Azurite (docs/testing.md). Each is shown to succeed
// with isolation and signatures off before it is shown to fail. Runs all, or
// those whose names begin with a PATTERN: F31, F32_unsigned, dotenv_. --quick leaves out
// what is like another, and `npm test` does that. --list prints the names and
// runs nothing.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { build } = require('./build');
const { install } = require('./kit/install');
const { runMain } = require('./kit/cleanup');
const { Machine } = require('./kit/machine');
const { attempt } = require('./kit/run');
const { startShared } = require('./kit/shared');
const { testFiles } = require('./kit/test-files');
const { attackNames } = require('./redteam/names');
const { output, prepare, task } = require('./redteam/workspace');

const specifier = '@nx/powerpack-azure-cache@npm:nx-azure-cache';

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, list: { type: 'boolean' } },
  });
  if (values.list) {
    console.log((await attackNames()).join('\n'));
    return;
  }
  if (process.platform !== 'linux') {
    console.log('The attacks look for processes in /proc: not run.');
    return;
  }
  await install();
  await build();
  // A file whose tests all have other names makes none, see redTest.
  const files = testFiles('scripts/redteam');
  const shared = await startShared('redteam', { alias: { specifier } });
  const target = await prepareTarget(shared.E2E_FOLDER ?? '');
  const names = path.join(shared.E2E_FOLDER ?? '', 'attacks');
  const { code } = await attempt(
    'node',
    ['--test', '--test-concurrency=2', ...files],
    {
      echo: true,
      env: {
        ...process.env,
        ...shared,
        REDTEAM_TARGET: JSON.stringify(target),
        REDTEAM_NAMES: names,
        REDTEAM_PATTERNS: JSON.stringify(positionals),
        REDTEAM_FULL: values.quick ? '' : '1',
      },
    },
  );
  if (!fs.existsSync(names)) {
    throw new Error(`no attack's name begins with ${positionals.join(', ')}`);
  }
  return code;
}

/**
 * Makes the workspace that all tests copy what they need, and finds out what
 * their task has for a hash and makes without a cache.
 *
 * @param {string} folder
 * @returns {Promise<{ hash: string, honest: string }>}
 */
async function prepareTarget(folder) {
  const machine = new Machine(path.join(folder, 'alias'), {
    NX_SKIP_REMOTE_CACHE: 'true',
  });
  prepare(machine);
  const result = await machine.nx(['run', task]);
  if (result.code !== 0) throw new Error(`the task fails:\n${result.output}`);
  const { hash } = machine.lastRun()[task];
  const file = path.join(machine.workspace, output);
  const honest = fs.readFileSync(file, 'utf8');
  machine.forget();
  return { hash, honest };
}

runMain(main);
