'use strict';

// All suites with a real Nx share the built packages, the servers, and workspaces in which
// the packages are installed. `npm test` sets them up once for several suites; a suite that
// runs alone sets up its own. Tests find them through a variable.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { build } = require('../build');
const { startAzurite } = require('./azurite');
const { temporaryFolder } = require('./cleanup');
const { install } = require('./install');
const { kept } = require('./kept');
const { Machine, copyWorkspace, createWorkspace } = require('./machine');
const { alias, specifier } = require('./names');
const { publishAll, startVerdaccio } = require('./verdaccio');

/**
 * @typedef {object} Shared
 * @property {string} folder holds the workspaces, and the machines of the tests
 * @property {string} packages the folder of the packages that are published
 * @property {string} azurite connection string
 * @property {string} registry URL
 */

/** Holds a Shared as JSON. */
const variable = 'KIT_SHARED';

/** The packages to pass to `nx add`. Users pass either; both must work. */
const specifiers = { alias: specifier, plain: alias };

/**
 * Installs the tools, builds and publishes the packages, and starts Azurite and Verdaccio.
 * If another process has done so, uses its servers.
 *
 * @returns {Promise<Shared>}
 */
async function startShared() {
  const started = process.env[variable];
  if (started) return JSON.parse(started);
  await install();
  const packages = await build();
  const [azurite, verdaccio] = await Promise.all([
    startAzurite(),
    startVerdaccio(),
  ]);
  await publishAll(verdaccio, packages);
  return {
    folder: temporaryFolder('shared'),
    packages,
    azurite: azurite.connectionString,
    registry: verdaccio.url,
  };
}

/**
 * The variable that passes the set-up to other processes.
 *
 * @param {Shared} shared
 */
const environmentOf = (shared) => ({ [variable]: JSON.stringify(shared) });

/**
 * The set-up of the suite that runs this test.
 *
 * @returns {Shared}
 */
function shared() {
  const started = process.env[variable];
  if (started) return JSON.parse(started);
  throw new Error(
    `${variable} is not set: run this test with npm test or its suite's script, such as node scripts/e2e.js`,
  );
}

/**
 * A workspace with the package, as `nx add` leaves it. The first process that needs this
 * workspace makes it.
 *
 * @param {Shared} shared
 * @param {string} name `alias` or `plain`, of the newest Nx; or `nx-` and another version
 *   of Nx
 * @returns {Promise<string>} the folder of its machine
 */
function installedWorkspace(shared, name) {
  return once(path.join(shared.folder, name), async (folder) => {
    const [, version] = /^nx-(.*)/.exec(name) ?? [];
    const machine = installer(folder);
    if (version) {
      await createWorkspace(machine, shared.registry, version);
    } else {
      const from = installer(await emptyWorkspace(shared));
      copyWorkspace(from.workspace, machine.workspace);
    }
    const key = name === 'plain' ? 'plain' : 'alias';
    const { code, output } = await machine.nx(['add', specifiers[key]]);
    if (code !== 0) {
      throw new Error(`nx add ${specifiers[key]} failed:\n${output}`);
    }
  });
}

/**
 * A workspace with the newest Nx and without the package.
 *
 * @param {Shared} shared
 */
function emptyWorkspace({ folder, registry }) {
  return once(path.join(folder, 'empty'), (folder) =>
    createWorkspace(installer(folder), registry),
  );
}

/**
 * A machine whose npm cache stays from one run to the next.
 *
 * @param {string} folder
 */
const installer = (folder) =>
  new Machine(folder, { npm_config_cache: path.join(kept, 'npm') });

/**
 * Makes the outputs that the tasks of `build` have without a remote cache.
 *
 * @param {Shared} shared
 * @returns {Promise<string>} their folder
 */
function buildWithoutCache(shared) {
  return once(path.join(shared.folder, 'expected'), async (folder) => {
    const machine = new Machine(await installedWorkspace(shared, 'alias'), {
      NX_SKIP_REMOTE_CACHE: 'true',
    });
    const { code, output } = await machine.nx(['run-many', '--target=build']);
    if (code !== 0)
      throw new Error(`the tasks fail without a cache:\n${output}`);
    fs.renameSync(
      path.join(machine.workspace, 'dist'),
      path.join(folder, 'dist'),
    );
    machine.forget();
  });
}

/**
 * Fills a folder once. The first process does it, and the others wait.
 *
 * @param {string} folder
 * @param {(folder: string) => Promise<unknown>} fill
 * @returns {Promise<string>} the folder
 */
async function once(folder, fill) {
  const [ready, failed] = [`${folder}.ready`, `${folder}.failed`];
  try {
    fs.mkdirSync(folder);
  } catch {
    for (let i = 0; i < 3000 && !fs.existsSync(ready); i++) {
      if (fs.existsSync(failed)) break;
      await sleep(100);
    }
    if (fs.existsSync(ready)) return folder;
    throw new Error(`another process could not fill ${folder}`);
  }
  try {
    await fill(folder);
  } catch (err) {
    fs.writeFileSync(failed, '');
    throw err;
  }
  fs.writeFileSync(ready, '');
  return folder;
}

exports.buildWithoutCache = buildWithoutCache;
exports.emptyWorkspace = emptyWorkspace;
exports.environmentOf = environmentOf;
exports.installedWorkspace = installedWorkspace;
exports.once = once;
exports.shared = shared;
exports.startShared = startShared;
