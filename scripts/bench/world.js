'use strict';

// Where the clients run: a workspace in which the package is installed as npm
// installs it, a licence, and the storages.

const fs = require('node:fs');
const path = require('node:path');
const { createContainer } = require('../lib/azurite');
const { atEnd } = require('../lib/cleanup');
const { developmentLicence } = require('../lib/licence');
const { Machine } = require('../lib/machine');
const { root } = require('../lib/root');
const { folders } = require('./folders');
const { container, startAzurite, startStorage } = require('./servers');
const { workload } = require('./workloads');

/** @import { ClientName, Row } from './rows' */
/** @import { Link, Storage } from './servers' */
/** @import { Workload } from './workloads' */

/** The server that each client talks to. */
const kinds = /** @type {const} */ ({
  ours: 'serve-blobs',
  nx: 'serve-http-cache',
  plain: 'serve-blobs',
});

/**
 * @typedef {object} Place a storage and what clients must know of it
 * @property {string} connectionString
 * @property {string} [url]
 * @property {string} [control]
 */

class World {
  /** @type {Map<string, Promise<Storage>>} */
  #storages = new Map();
  /** @type {Promise<Place> | undefined} */
  #azurite;
  /** @type {Map<string, Promise<Workload>>} */
  #workloads = new Map();
  /** @type {Set<string>} what has been stored for reading */
  #seeds = new Set();
  #results = 0;

  /**
   * @param {Machine} machine
   * @param {string} licence
   */
  constructor(machine, licence) {
    this.machine = machine;
    this.licence = licence;
    /** What the rounds write. */
    this.results = path.join(folders.results, String(process.pid));
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
   * @returns {NodeJS.ProcessEnv}
   */
  environment({ connectionString, url = '' }) {
    return {
      ...this.machine.env,
      NX_WORKSPACE_ROOT_PATH: this.machine.workspace,
      NX_POWERPACK_LICENSE: this.licence,
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
 * @param {{ keep?: boolean }} options `keep` leaves what the rounds write
 */
async function createWorld({ keep = false }) {
  const world = new World(
    new Machine(path.join(folders.results, `machine-${process.pid}`)),
    await developmentLicence(),
  );
  installPackage(world.machine.workspace);
  fs.mkdirSync(world.results, { recursive: true });
  if (!keep) {
    for (const folder of [world.results, path.dirname(world.machine.home)]) {
      atEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
    }
  }
  return world;
}

/**
 * Makes a workspace with the package, as `nx add` leaves it.
 *
 * @param {string} workspace
 */
function installPackage(workspace) {
  const modules = path.join(workspace, 'node_modules');
  const alias = path.join(modules, '@nx', 'powerpack-azure-cache');
  fs.cpSync(path.join(folders.packages, 'nx-azure-cache'), alias, {
    recursive: true,
  });
  const platform = `@nx-azure-cache/${process.platform}-${process.arch}`;
  fs.cpSync(
    path.join(folders.packages, platform),
    path.join(modules, platform),
    { recursive: true },
  );
  for (const name of ['nx', 'vscode-jsonrpc']) {
    fs.symlinkSync(
      path.join(root, 'node_modules', name),
      path.join(modules, name),
    );
  }
  fs.writeFileSync(
    path.join(workspace, 'nx.json'),
    JSON.stringify({ azure: { container } }),
  );
}

exports.World = World;
exports.createWorld = createWorld;
exports.installPackage = installPackage;
