'use strict';

// npm run test:faults [-- PATTERN …] [-- --quick] [-- --nightly]
//
// The fault suite: what users of such caches suffered, each a test with real
// Nx, the real npm package and binary, and Azurite behind proxies that fail
// (docs/testing.md). Runs all of it, or the tests whose names begin with a
// PATTERN: F05, F03_300. --quick leaves out what is a `fullTest`
// (scripts/faults/world.js), and `npm test` does that; --nightly adds what writes
// gigabytes.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { build } = require('./build');
const { atEnd, runMain } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { attempt } = require('./kit/run');
const { startShared } = require('./kit/shared');
const { testFiles } = require('./kit/test-files');
const { startToxiproxy } = require('./faults/toxiproxy');

const specifier = '@nx/powerpack-azure-cache@npm:nx-azure-cache';

/** The Nx of today. Tests install others when they need them. */
const installs = { alias: { specifier } };

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, nightly: { type: 'boolean' } },
  });
  if (process.platform !== 'linux') {
    console.log('The fault suite looks for processes in /proc: not run.');
    return;
  }
  await install();
  await build();
  const rows = positionals.map((text) => text.split('_')[0]);
  const isMeant = (/** @type {string} */ file) =>
    rows.length === 0 ||
    rows.some((row) => path.basename(file).startsWith(row));
  const files = testFiles('scripts/faults', isMeant);
  const [shared, toxiproxy] = await Promise.all([
    startShared('faults', installs),
    startToxiproxy(),
  ]);
  const { code } = await attempt(
    'node',
    ['--test', '--test-concurrency=2', ...files],
    {
      echo: true,
      env: {
        ...process.env,
        ...shared,
        TMPDIR: temporaryFiles(),
        FAULTS_TOXIPROXY: String(toxiproxy.port),
        FAULTS_PATTERNS: JSON.stringify(positionals),
        FAULTS_FULL: values.quick ? '' : '1',
        FAULTS_NIGHTLY: values.nightly ? '1' : '',
      },
    },
  );
  return code;
}

/**
 * A folder for the temporary files of all runs, so that a test sees what is
 * left there. Its name is short: Nx has sockets in it.
 */
function temporaryFiles() {
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'nxf'));
  atEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

runMain(main);
