'use strict';

// The testbed: a workspace with the package as npm installs it, a license, and
// the storages.

const fs = require('node:fs');
const path = require('node:path');
const { createContainer } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { atEnd } = require('../kit/cleanup');
const { developmentLicense } = require('../kit/license');
const { Machine } = require('../kit/machine');
const { attempt } = require('../kit/run');
const { folders } = require('./folders');
const { installPackage } = require('./installed');
const { container, startAzurite, startStorage } = require('./servers');
const { workload } = require('./workloads');

/** @import { ClientName, Row } from './rows' */
/** @import { Link, Storage } from './servers' */
/** @import { Workload } from './workloads' */

/** The server that each client talks to. */
const kinds = /** @type {const} */ ({
  ours: 'serve-blobs',
  'two scopes': 'serve-blobs',
  nx: 'serve-http-cache',
  plain: 'serve-blobs',
});

/**
 * @typedef {object} AnyStorage what clients must know about a storage
 * @property {string} connectionString
 * @property {string} [url]
 * @property {string} [control]
 */

class Testbed {
  /** @type {Map<string, Promise<Storage>>} */
  #storages = new Map();
  /** @type {Promise<AnyStorage> | undefined} */
  #azurite;
  /** @type {Map<string, Promise<Workload>>} */
  #workloads = new Map();
  /** @type {Set<string>} the results that were stored for reading */
  #seeds = new Set();
  #results = 0;

  /** @param {string} license */
  constructor(license) {
    this.license = license;
    /** Holds what the rounds write. */
    this.results = path.join(folders.results, String(process.pid));
    this.machine = new Machine(path.join(this.results, 'machine'));
  }

  /** @param {string} name */
  workload(name) {
    return once(this.#workloads, name, () => {
      fs.mkdirSync(folders.workloads, { recursive: true });
      return workload(name, folders.workloads);
    });
  }

  /**
   * The storage of a client in a row. Rows that read and rows that write use
   * separate servers, so that resetting one does not empty the other.
   *
   * @param {ClientName} client
   * @param {Row} row
   * @returns {Promise<AnyStorage>}
   */
  async storageFor(client, { link, action }) {
    if (link === 'azurite') return (this.#azurite ??= azuriteStorage());
    return this.storage(client, action === 'store' ? 'write' : 'read');
  }

  /**
   * @param {ClientName} client
   * @param {'read' | 'write'} purpose
   */
  storage(client, purpose) {
    const name = `${client} ${purpose}`;
    return once(this.#storages, name, () => startStorage(kinds[client]));
  }

  /** @param {Link} link */
  async use(link) {
    for (const storage of this.#storages.values()) {
      await (await storage).use(link);
    }
  }

  /**
   * The results that a client has not stored for reading yet. Counts them as
   * stored, because the caller stores them next.
   *
   * @param {AnyStorage} place
   * @param {ClientName} client
   * @param {string[]} hashes
   */
  missing({ connectionString }, client, hashes) {
    return hashes.filter((hash) => {
      const name = `${connectionString} ${client} ${hash}`;
      return !this.#seeds.has(name) && this.#seeds.add(name);
    });
  }

  /**
   * Makes a folder with a new name. Making a tree just after another was removed
   * takes ten times as long (docs/performance.md).
   */
  newFolder() {
    const folder = path.join(this.results, String(++this.#results));
    fs.mkdirSync(folder, { recursive: true });
    return folder;
  }

  /**
   * The environment of a client.
   *
   * @param {AnyStorage} place
   * @param {ClientName} client
   * @returns {NodeJS.ProcessEnv}
   */
  environment({ connectionString, url = '' }, client) {
    return {
      ...this.machine.env,
      ...(client !== 'two scopes' && onMain),
      NX_WORKSPACE_ROOT_PATH: this.machine.workspace,
      NX_POWERPACK_LICENSE: this.license,
      AZURE_STORAGE_CONNECTION_STRING: connectionString,
      NX_SELF_HOSTED_REMOTE_CACHE_SERVER: url,
    };
  }
}

/**
 * The value for a key, which `make` makes the first time.
 *
 * @template T
 * @param {Map<string, Promise<T>>} made
 * @param {string} key
 * @param {() => Promise<T>} make
 */
function once(made, key, make) {
  let value = made.get(key);
  if (!value) made.set(key, (value = make()));
  return value;
}

/** @returns {Promise<AnyStorage>} */
async function azuriteStorage() {
  const { connectionString } = await startAzurite();
  await createContainer(connectionString, container);
  return { connectionString };
}

/**
 * @param {{ keep?: boolean }} options `keep` keeps what the rounds write until
 *   the end of the next run
 */
async function createTestbed({ keep = false }) {
  await spreadResults();
  const testbed = new Testbed(await developmentLicense());
  atEnd(() => removeResults(keep));
  installPackage(testbed.machine.workspace);
  return testbed;
}

/**
 * Makes ext4 put each run's folder into another part of the disk, where no run
 * has just removed files. In the same part, making a tree takes ten times as
 * long for a minute. Other file systems neither need this nor support it.
 */
async function spreadResults() {
  fs.mkdirSync(folders.results, { recursive: true });
  await attempt('chattr', ['+T', folders.results]).catch(() => {});
}

/**
 * Removes what this run and killed runs wrote.
 *
 * @param {boolean} keep whether this run's files stay
 */
function removeResults(keep) {
  for (const name of fs.readdirSync(folders.results)) {
    const isOurs = name === String(process.pid);
    if (isOurs ? keep : fs.existsSync(`/proc/${name}`)) continue;
    const folder = path.join(folders.results, name);
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

exports.Testbed = Testbed;
exports.createTestbed = createTestbed;
