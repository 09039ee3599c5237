'use strict';

// The fixture of an attack: its own container, and machines that use it with the same
// settings.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const {
  connectionStringOfSAS,
  createContainer,
  listBlobs,
} = require('../kit/azurite');
const { startFixture: startPlainFixture } = require('../kit/fixture');
const { runNx } = require('../kit/nx-runs');
const { serversGone } = require('../kit/processes');
const { recordScope } = require('../kit/run-records');
const { shared } = require('../kit/shared');
const { generateKey } = require('./envelopes');
const { deleteEntry, readEntry, writeEntry } = require('./storage');
const {
  output,
  poison,
  setAzure,
  targetVariable,
  task,
} = require('./workspace');

/** @import { TestContext } from 'node:test' */
/** @import { Machine } from '../kit/machine' */
/** @import { Run } from './runs' */
/** @import { Entry } from './storage' */
/** @typedef {Awaited<ReturnType<typeof startFixture>>} Fixture */
/** @typedef {{ publicKeys?: string[], [key: string]: unknown }} Trust the block azure.trust of nx.json */

/**
 * The attacked task: its hash, and its output without a cache. Both are empty while --list
 * prints the names of the tests.
 *
 * @type {{ hash: string, honest: string }}
 */
const { hash, honest } = JSON.parse(
  process.env[targetVariable] ?? '{"hash":"","honest":""}',
);

/** The output after a successful attack. */
const poisoned = honest + poison;

/**
 * The result of a build.
 *
 * @typedef {object} Outcome
 * @property {string} content of the output
 * @property {string} status of the task
 * @property {string[]} lines of ours, without the summary
 */

/**
 * A storage, and machines that use it with the same settings.
 *
 * @param {TestContext} t
 * @param {{ trust?: Trust, isSigned?: boolean }} options `isSigned` adds a
 *   public key to the settings, and its private key to trusted runs
 */
async function startFixture(t, { trust = {}, isSigned = false }) {
  const fixture = await startPlainFixture(t, { install: 'redteam' });
  const { container, recorder, folder } = fixture;
  const { azurite } = shared();
  const key = generateKey();
  const isOpen = trust.isolation === 'none';
  const settings = isSigned ? withKey(trust, key.publicKey) : trust;

  return {
    container,
    recorder,
    key,
    /** Whether all runs share one scope, without signatures. */
    isOpen,
    trust: settings,
    /** The scope that main reads. */
    scope: isOpen ? 'shared' : 'trusted',

    /** Another container of the same account. */
    async anotherContainer() {
      const name = `${container}-b`;
      await createContainer(azurite, name);
      return name;
    },

    /**
     * A connection string that allows only these permissions in a container.
     *
     * @param {string} permissions such as `r` or `rcw`
     * @param {string} [of] container
     */
    sas: (permissions, of = container) =>
      connectionStringOfSAS(recorder.endpoint, of, permissions),

    /**
     * A machine that has just checked out the workspace and installed packages.
     *
     * @param {string} name
     * @param {Run} run as the CI describes it
     * @param {object} [options]
     * @param {Trust} [options.trust] replaces the settings
     * @param {Record<string, unknown>} [options.azure] is added to the block azure
     * @param {NodeJS.ProcessEnv} [options.env] is added to the environment
     * @param {boolean} [options.isExtended] whether a file that nx.json extends has
     *   the settings
     */
    machine(name, run, options = {}) {
      const { trust = settings, azure = {}, env = {}, isExtended } = options;
      const machine = fixture.machine(name, { env: { ...run.env, ...env } });
      if (run.event) {
        machine.env.GITHUB_EVENT_PATH = eventFile(folder, name, run);
      }
      const block = { container, records: 'none', ...azure, trust };
      setAzure(machine, block, { isExtended });
      const { nx } = machine;
      machine.nx = async (...args) => {
        const result = await nx.apply(machine, args);
        await serversGone(machine);
        return result;
      };
      return machine;
    },

    /**
     * A machine that has the signing key, if there is one.
     *
     * @param {string} name
     * @param {Run} run
     */
    trustedMachine(name, run) {
      const env = isSigned ? { NX_AZURE_CACHE_SIGNING_KEY: key.pem } : {};
      return this.machine(name, run, { env });
    },

    /**
     * Builds on a machine.
     *
     * @param {Machine} machine
     * @returns {Promise<Outcome>}
     */
    async build(machine) {
      const lines = await runNx(machine, ['run', task], {
        moreSecrets: [key.pem.split('\n')[1]],
      });
      for (const line of lines) t.diagnostic(line);
      const run = machine.lastRun()[task];
      assert.equal(run.hash, hash, 'the hash is not that of main');
      const file = path.join(machine.workspace, output);
      const content = fs.readFileSync(file, 'utf8');
      return { content, status: run.cacheStatus, lines };
    },

    /** The scopes that contain an entry. */
    async scopes(of = container) {
      const blobs = await listBlobs(azurite, of);
      const entries = blobs.filter(({ name }) => !recordScope(name));
      return entries.map(({ name }) => {
        assert.equal(path.posix.basename(name), hash, name);
        return path.posix.relative('v1', path.posix.dirname(name));
      });
    },

    /** The records of runs. */
    async records() {
      const records = [];
      for (const { name } of await listBlobs(azurite, container)) {
        const scope = recordScope(name);
        if (!scope) continue;
        const blob = await readEntry(azurite, container, name);
        assert.ok(blob, name);
        records.push({ ...blob, name, scope });
      }
      return records;
    },

    /** The entry that main finds. @returns {Promise<Entry | undefined>} */
    entry() {
      return readEntry(azurite, container, `v1/${this.scope}/${hash}`);
    },

    /**
     * Deletes the entry that main finds.
     *
     * @param {string} connectionString of the attacker
     */
    async deleteEntry(connectionString) {
      const name = `v1/${this.scope}/${hash}`;
      await deleteEntry(connectionString, container, name);
    },

    /**
     * Puts an entry where main looks for it, with a credential that allows it.
     *
     * @param {Entry} entry
     * @param {string} [connectionString]
     * @param {Parameters<typeof writeEntry>[4] & { name?: string }} [options] `name` of
     *   another blob
     */
    async plant(entry, connectionString = azurite, options = {}) {
      const { name = `v1/${this.scope}/${hash}` } = options;
      await writeEntry(connectionString, container, name, entry, options);
    },
  };
}

/**
 * @param {Trust} trust
 * @param {string} key to trust, too
 */
function withKey({ publicKeys = [], ...trust }, key) {
  return { ...trust, publicKeys: [key, ...publicKeys] };
}

/**
 * Writes the file that describes an event.
 *
 * @param {string} folder
 * @param {string} name
 * @param {Run} run
 */
function eventFile(folder, name, { event }) {
  const file = path.join(folder, `${name}-event.json`);
  fs.writeFileSync(file, JSON.stringify(event));
  return file;
}

exports.hash = hash;
exports.honest = honest;
exports.poisoned = poisoned;
exports.startFixture = startFixture;
