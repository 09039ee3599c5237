'use strict';

// The fixture of a test: its own container, a proxy before it, and machines.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { createContainer, emptyContainer } = require('./azurite');
const { testLicense } = require('./license');
const { Machine, copyWorkspace } = require('./machine');
const { assertNoProcess } = require('./processes');
const { startFaultProxy } = require('./fault-proxy');
const { installedWorkspace, shared } = require('./shared');
const { toxiproxyBefore } = require('./toxiproxy');

/** @import { TestContext } from 'node:test' */
/** @typedef {Awaited<ReturnType<typeof startFixture>>} Fixture */

/**
 * @param {TestContext} t
 * @param {{ install?: string, nx?: string }} [options] the machines' workspace (shared.js),
 *   default `alias`; `nx`: another version of Nx
 */
async function startFixture(
  t,
  { nx, install = nx ? `nx-${nx}` : 'alias' } = {},
) {
  const { azurite, folder: parent } = shared();
  const from = await installedWorkspace(shared(), install);
  const container = `test-${randomUUID()}`;
  await createContainer(azurite, container);
  const recorder = await startFaultProxy(azurite);
  t.after(() => recorder.stop());
  const folder = path.join(parent, container);
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return {
    container,
    /** The fault proxy between the machines and Azurite. */
    recorder,
    /** Holds the machines. */
    folder,

    /**
     * A machine that has just cloned the workspace and installed its packages. Its
     * processes must be gone when the test ends.
     *
     * @param {string} name
     * @param {{ azure?: Record<string, unknown>, env?: NodeJS.ProcessEnv }} [options]
     *   `azure` is added to the block of nx.json, `env` to the environment. By default,
     *   runs store no records, so that tests count the requests for results
     */
    machine(name, { azure = {}, env = {} } = {}) {
      const machine = new Machine(path.join(folder, name), {
        AZURE_STORAGE_CONNECTION_STRING: recorder.connectionString,
        NX_POWERPACK_LICENSE: testLicense('valid'),
        BUILD_TIME: '0',
        ...env,
      });
      copyWorkspace(path.join(from, 'workspace'), machine.workspace);
      configure(machine, { container, records: 'none', ...azure });
      if (process.platform === 'linux') {
        t.after(() => assertNoProcess(machine));
      }
      return machine;
    },

    /** Removes everything stored. */
    empty: () => emptyContainer(azurite, container),

    /** Puts toxiproxy before the recorder: for faults of TCP. */
    toxiproxy: () => toxiproxyBefore(t, recorder.port),
  };
}

/**
 * Adds keys to the block `azure` of a machine's nx.json.
 *
 * @param {Machine} machine
 * @param {Record<string, unknown>} azure
 */
function configure(machine, azure) {
  const file = path.join(machine.workspace, 'nx.json');
  const nxJson = JSON.parse(fs.readFileSync(file, 'utf8'));
  nxJson.azure = { ...nxJson.azure, ...azure };
  fs.writeFileSync(file, JSON.stringify(nxJson, null, 2));
}

exports.startFixture = startFixture;
