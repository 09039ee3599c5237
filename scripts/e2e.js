'use strict';

// node scripts/e2e.js [PATTERN …]
//
// The end-to-end tests, or those of the files whose names contain a PATTERN:
// real Nx, real npm packages, the real binary, Azurite. Needs `npm run build`.
// Sets up what all of them share and hands it to the tests of scripts/e2e in
// variables (see scripts/e2e/world.js).

const fs = require('node:fs');
const path = require('node:path');
const { startAzurite } = require('./lib/azurite');
const { runMain, temporaryFolder } = require('./lib/cleanup');
const { install } = require('./lib/install');
const { Machine, createWorkspace } = require('./lib/machine');
const { root } = require('./lib/root');
const { attempt } = require('./lib/run');
const { testFiles } = require('./lib/test-files');
const { publishAll, startVerdaccio } = require('./lib/verdaccio');

/** How a user gets the package; both must work (design §3). */
const installs = {
  alias: '@nx/powerpack-azure-cache@npm:nx-azure-cache',
  plain: '@nx/powerpack-azure-cache',
};

async function main() {
  await install();
  const patterns = process.argv.slice(2);
  const isMeant = (/** @type {string} */ file) =>
    patterns.length === 0 || patterns.some((text) => file.includes(text));
  const files = testFiles('scripts/e2e', isMeant);
  const [azurite, verdaccio] = await Promise.all([
    startAzurite(),
    startVerdaccio(),
  ]);
  await publishAll(verdaccio, path.join(root, 'dist', 'npm'));

  const folder = temporaryFolder('e2e');
  for (const [name, specifier] of Object.entries(installs)) {
    await installedWorkspace(path.join(folder, name), verdaccio.url, specifier);
  }
  await buildWithoutCache(path.join(folder, 'alias'));
  const { code } = await attempt(
    'node',
    ['--test', '--test-concurrency=2', ...files],
    {
      echo: true,
      env: {
        ...process.env,
        E2E_FOLDER: folder,
        E2E_AZURITE: azurite.connectionString,
      },
    },
  );
  return code;
}

/**
 * Makes a machine with a workspace that has the package, as `nx add` leaves it.
 *
 * @param {string} folder
 * @param {string} registry
 * @param {string} specifier
 */
async function installedWorkspace(folder, registry, specifier) {
  const machine = new Machine(folder);
  await createWorkspace(machine, registry);
  const { code, output } = await machine.nx(['add', specifier]);
  if (code !== 0) throw new Error(`nx add ${specifier} failed:\n${output}`);
}

/**
 * Runs the tasks as they run without any remote cache, for comparing.
 *
 * @param {string} folder of a machine
 */
async function buildWithoutCache(folder) {
  const machine = new Machine(folder, { NX_SKIP_REMOTE_CACHE: 'true' });
  const { code, output } = await machine.nx(['run-many', '--target=build']);
  if (code !== 0) throw new Error(`the tasks fail without a cache:\n${output}`);
  fs.renameSync(path.join(machine.workspace, 'dist'), `${folder}-expected`);
  machine.forget();
}

runMain(main);
