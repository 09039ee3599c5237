'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { createContainer, listBlobs } = require('../kit/azurite');
const e2e = require('../e2e/world');
const { serversGone } = require('../kit/processes');
const faults = require('../faults/world');
const { generateKey, verify } = require('./envelopes');
const { deleteEntry, readEntry, sasFor, writeEntry } = require('./storage');
const { output, poison, program, setAzure, task } = require('./workspace');

/** @import { TestContext } from 'node:test' */
/** @import { Machine } from '../kit/machine' */
/** @import { Run } from './runs' */
/** @import { Entry } from './storage' */
/** @typedef {Awaited<ReturnType<typeof startWorld>>} World */
/** @typedef {{ publicKeys?: string[], [key: string]: unknown }} Trust the block azure.trust of nx.json */

/** What scripts/redteam.js has found out of the task that is attacked. */
const { hash, honest } = JSON.parse(process.env.REDTEAM_TARGET ?? '{}');
if (!hash)
  throw new Error('REDTEAM_TARGET is not set: run npm run test:redteam');

/** What its output is after an attack that has succeeded. */
const poisoned = honest + poison;

/**
 * What a build has come to.
 *
 * @typedef {object} Outcome
 * @property {string} content of the output
 * @property {string} status of the task
 * @property {string[]} lines of ours, without the summary
 */

/**
 * Makes a test, if it is asked for; only notes its name while names are listed
 * (names.js).
 *
 * @param {string} name
 * @param {(t: TestContext) => Promise<void>} run
 * @param {{ isFull?: boolean }} [options] whether it is left out of `npm test`
 */
function redTest(name, run, { isFull = false } = {}) {
  if (process.env.REDTEAM_LIST) {
    fs.appendFileSync(process.env.REDTEAM_LIST, `${name}\n`);
    return;
  }
  const patterns = JSON.parse(process.env.REDTEAM_PATTERNS ?? '[]');
  const isMeant =
    patterns.length === 0 ||
    patterns.some((/** @type {string} */ text) => name.startsWith(text));
  if (!isMeant || (isFull && process.env.REDTEAM_FULL !== '1')) return;
  fs.appendFileSync(process.env.REDTEAM_NAMES ?? '', `${name}\n`);
  test(name, run);
}

/**
 * A storage, and machines that use it with the same settings.
 *
 * @param {TestContext} t
 * @param {{ trust?: Trust, isSigned?: boolean }} options `isSigned` adds a
 *   public key to the settings, and its private key to trusted runs
 */
async function startWorld(t, { trust = {}, isSigned = false }) {
  const world = await faults.startWorld(t);
  const { container, recorder } = world;
  const { azurite } = e2e.shared;
  const key = generateKey();
  const isOpen = trust.isolation === 'none';
  const settings = isSigned ? withKey(trust, key.publicKey) : trust;
  const folder = path.join(e2e.shared.folder, container);

  return {
    container,
    recorder,
    key,
    /** Whether everybody shares everything, and nothing is signed. */
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
     * The connection string of somebody who may do no more in a container.
     *
     * @param {string} permissions such as `r` or `rcw`
     * @param {string} [of] container
     */
    sas: (permissions, of = container) =>
      sasFor(azurite, recorder.port, of, permissions),

    /**
     * A machine that has just checked out the workspace and installed packages.
     *
     * @param {string} name
     * @param {Run} run what the CI says to it
     * @param {object} [options]
     * @param {Trust} [options.trust] replaces the settings
     * @param {Record<string, unknown>} [options.azure] is added to the block azure
     * @param {NodeJS.ProcessEnv} [options.env] is added to the environment
     * @param {boolean} [options.isExtended] whether a file that nx.json extends has
     *   the settings
     */
    machine(name, run, options = {}) {
      const { trust = settings, azure = {}, env = {}, isExtended } = options;
      const machine = world.machine(name, { env: { ...run.env, ...env } });
      if (run.event) {
        machine.env.GITHUB_EVENT_PATH = eventFile(folder, name, run);
      }
      setAzure(machine, { container, ...azure, trust }, { isExtended });
      const nx = program(machine, 'nx');
      machine.nx = async (args, options) => {
        const result = await machine.run(nx, args, options);
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
      const lines = await e2e.runNx(machine, ['run', task], {
        moreSecrets: [key.pem.split('\n')[1]],
      });
      for (const line of lines) t.diagnostic(line);
      const run = machine.lastRun()[task];
      assert.equal(run.hash, hash, 'the hash is not that of main');
      const file = path.join(machine.workspace, output);
      const content = fs.readFileSync(file, 'utf8');
      return { content, status: run.cacheStatus, lines };
    },

    /** The scopes in which there is something. */
    async scopes(of = container) {
      const blobs = await listBlobs(azurite, of);
      return blobs.map(({ name }) => {
        assert.equal(path.posix.basename(name), hash, name);
        return path.posix.relative('v1', path.posix.dirname(name));
      });
    },

    /** What main finds. @returns {Promise<Entry | undefined>} */
    entry() {
      return readEntry(azurite, container, `v1/${this.scope}/${hash}`);
    },

    /**
     * Deletes what main finds.
     *
     * @param {string} connectionString of the attacker
     */
    async deleteEntry(connectionString) {
      const name = `v1/${this.scope}/${hash}`;
      await deleteEntry(connectionString, container, name);
    },

    /**
     * Puts an entry where main looks for it, as somebody who may.
     *
     * @param {Entry} entry
     * @param {string} [connectionString]
     * @param {Parameters<typeof writeEntry>[4]} [options]
     */
    async plant(entry, connectionString = azurite, options = {}) {
      const name = `v1/${this.scope}/${hash}`;
      await writeEntry(connectionString, container, name, entry, options);
    },
  };
}

/**
 * @param {Trust} trust
 * @param {string} key that is believed, too
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

/**
 * @typedef {object} Attack
 * @property {(world: World) => Promise<Outcome>} run does it, and builds on the
 *   machine of the victim
 * @property {Trust} [trust] of the half that is protected; the default is what
 *   one has who sets nothing
 * @property {boolean} [isSigned] whether there is a key in that half
 * @property {RegExp} [line] that the victim sees in that half; without it, none
 * @property {boolean} [isFull] whether it is left out of `npm test`
 */

/**
 * Makes a test of an attack, which must succeed where there are neither scopes
 * nor signatures, and fail where there are.
 *
 * @param {string} name
 * @param {Attack} attack
 */
function attack(name, { run, trust, isSigned, line, isFull }) {
  redTest(
    name,
    async (t) => {
      await succeeds(t, run);
      const world = await startWorld(t, { trust, isSigned });
      const outcome = await run(world);
      assertHonest(outcome, line);
      if (isSigned) await assertSignedEntry(world);
    },
    { isFull },
  );
}

/**
 * Asserts that an attack succeeds where there is no protection.
 *
 * @param {TestContext} t
 * @param {Attack['run']} run
 */
async function succeeds(t, run) {
  const world = await startWorld(t, { trust: { isolation: 'none' } });
  const { content, status, lines } = await run(world);
  assert.equal(content, poisoned, 'without protection the attack succeeds');
  assert.equal(status, 'remote-cache-hit');
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /CVE-2025-36852/);
}

/**
 * Asserts that a victim has built what it would have without a cache.
 *
 * @param {Outcome} outcome
 * @param {RegExp} [line]
 */
function assertHonest({ content, status, lines }, line) {
  assert.equal(content, honest, 'the victim has what the attacker wanted');
  assert.equal(status, 'cache-miss');
  assert.equal(lines.length, line ? 1 : 0, lines.join('\n'));
  if (line) assert.match(lines[0], line);
}

/**
 * Asserts that main has put its own entry where it looks for one, signed.
 *
 * @param {World} world
 */
async function assertSignedEntry(world) {
  const entry = await world.entry();
  assert.ok(entry, 'there is no entry');
  const statement = verify(entry.metadata.dsse, world.key);
  const { provenance, ...signed } = statement;
  assert.deepEqual(signed, {
    hash,
    scope: 'trusted',
    prefix: '',
    sha256: entry.metadata.sha256,
    length: entry.content.length,
    code: 0,
    format: 1,
  });
  assert.equal(provenance.ref, 'refs/heads/main');
}

exports.assertHonest = assertHonest;
exports.assertSignedEntry = assertSignedEntry;
exports.attack = attack;
exports.hash = hash;
exports.honest = honest;
exports.poisoned = poisoned;
exports.redTest = redTest;
exports.startWorld = startWorld;
exports.succeeds = succeeds;
