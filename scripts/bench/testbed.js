'use strict';

// Where the clients run: a workspace in which the package is installed as npm
// installs it, a license, and the storages.

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
 * @typedef {object} Place a storage and what clients must know of it
 * @property {string} connectionString
 * @property {string} [url]
 * @property {string} [control]
 */

class Testbed {
  /** @type {Map<string, Promise<Storage>>} */
  #storages = new Map();
  /** @type {Promise<Place> | undefined} */
  #azurite;
  /** @type {Map<string, Promise<Workload>>} */
  #workloads = new Map();
  /** @type {Set<string>} what has been stored for reading */
  #seeds = new Set();
  #results = 0;

  /** @param {string} license */
  constructor(license) {
    this.license = license;
    /** What the rounds write. */
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
   * The storage of a client. What is read and what is written have servers of
   * their own: resetting one does not empty the other.
   *
   * @param {ClientName} client
   * @param {Row} row
   * @returns {Promise<Place>}
   */
  async place(client, { link, action }) {
    if (link === 'azurite') return (this.#azurite ??= azuritePlace());
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
   * The results that a client has not stored yet for reading, and now does.
   *
   * @param {Place} place
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
   * A folder that was never there. A tree that is made just after another was
   * removed takes ten times as long (docs/performance.md).
   */
  newFolder() {
    const folder = path.join(this.results, String(++this.#results));
    fs.mkdirSync(folder, { recursive: true });
    return folder;
  }

  /**
   * The environment of a client.
   *
   * @param {Place} place
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
 * What `make` has made for a key, or makes now.
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

/** @returns {Promise<Place>} */
async function azuritePlace() {
  const { connectionString } = await startAzurite();
  await createContainer(connectionString, container);
  return { connectionString };
}

/**
 * @param {{ keep?: boolean }} options `keep` leaves what the rounds write, until
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
 * Has ext4 put each run's folder into another part of the disk, where no run
 * has just removed files: a tree that is made in the same part takes ten times
 * as long, for a minute. Other file systems need no such thing and know none.
 */
async function spreadResults() {
  fs.mkdirSync(folders.results, { recursive: true });
  await attempt('chattr', ['+T', folders.results]).catch(() => {});
}

/**
 * Removes what runs have written: this one, and those that were killed.
 *
 * @param {boolean} keep this one's
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
