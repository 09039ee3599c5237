'use strict';

// node scripts/e2e.js [PATTERN …]
//
// The end-to-end tests, or those of the files whose names contain a PATTERN:
// real Nx, real npm packages, the real binary, Azurite. Needs `npm run build`.
// Sets up what all of them share and hands it to the tests of scripts/e2e in
// variables (see scripts/e2e/world.js).

const path = require('node:path');
const { startAzurite } = require('./lib/azurite');
const { runMain, temporaryFolder } = require('./lib/cleanup');
const { install } = require('./lib/install');
const { developmentLicence } = require('./lib/licence');
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
  const files = testFiles('scripts/e2e', (file) =>
    patterns.every((pattern) => file.includes(pattern)),
  );
  const [azurite, verdaccio, licence] = await Promise.all([
    startAzurite(),
    startVerdaccio(),
    developmentLicence(),
  ]);
  await publishAll(verdaccio, path.join(root, 'dist', 'npm'));

  const folder = temporaryFolder('e2e');
  for (const [name, specifier] of Object.entries(installs)) {
    await installedWorkspace(path.join(folder, name), verdaccio.url, specifier);
  }
  const { code } = await attempt(
    'node',
    ['--test', '--test-concurrency=2', ...files],
    {
      echo: true,
      env: {
        ...process.env,
        E2E_FOLDER: folder,
        E2E_AZURITE: azurite.connectionString,
        E2E_LICENCE: licence,
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

runMain(main);
