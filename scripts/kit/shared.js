'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { startAzurite } = require('./azurite');
const { temporaryFolder } = require('./cleanup');
const { Machine, createWorkspace } = require('./machine');
const { root } = require('./root');
const { publishAll, startVerdaccio } = require('./verdaccio');

/** @typedef {{ specifier: string, nx?: string }} Install */

/**
 * Sets up what all tests with a real Nx share, in a temporary folder:
 * `<name>/workspace`, a workspace that has the package, for each of `installs`;
 * `expected`, the outputs of `build` as they are without any remote cache; and
 * Azurite. Needs `npm run build`.
 *
 * @param {string} name of the folder
 * @param {Record<string, Install>} installs how the package is installed, and
 *   with which version of Nx
 * @returns {Promise<NodeJS.ProcessEnv>} where it is, for scripts/e2e/world.js
 */
async function startShared(name, installs) {
  const [azurite, verdaccio] = await Promise.all([
    startAzurite(),
    startVerdaccio(),
  ]);
  await publishAll(verdaccio, path.join(root, 'dist', 'npm'));

  const folder = temporaryFolder(name);
  for (const [name, install] of Object.entries(installs)) {
    const machine = new Machine(path.join(folder, name));
    await installedWorkspace(machine, verdaccio.url, install);
  }
  const [first] = Object.keys(installs);
  const expected = path.join(folder, 'expected');
  await buildWithoutCache(path.join(folder, first), expected);
  return {
    E2E_FOLDER: folder,
    E2E_AZURITE: azurite.connectionString,
    E2E_REGISTRY: verdaccio.url,
  };
}

/**
 * Makes a workspace that has the package, as `nx add` leaves it.
 *
 * @param {Machine} machine
 * @param {string} registry
 * @param {Install} install
 */
async function installedWorkspace(machine, registry, { specifier, nx }) {
  await createWorkspace(machine, registry, nx);
  const { code, output } = await machine.nx(['add', specifier]);
  if (code !== 0) throw new Error(`nx add ${specifier} failed:\n${output}`);
}

/**
 * Runs the tasks as they run without any remote cache, for comparing.
 *
 * @param {string} folder of a machine
 * @param {string} to where the outputs go
 */
async function buildWithoutCache(folder, to) {
  const machine = new Machine(folder, { NX_SKIP_REMOTE_CACHE: 'true' });
  const { code, output } = await machine.nx(['run-many', '--target=build']);
  if (code !== 0) throw new Error(`the tasks fail without a cache:\n${output}`);
  fs.renameSync(path.join(machine.workspace, 'dist'), to);
  machine.forget();
}

exports.installedWorkspace = installedWorkspace;
exports.startShared = startShared;
