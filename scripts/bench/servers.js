'use strict';

// The storages of the bench: cmd/nx-azure-testtool, in memory on this
// machine, and Azurite.

const path = require('node:path');
const { connectionString, startAzurite } = require('../kit/azurite');
const { buildBlobService } = require('../kit/blob-service');
const { startServer } = require('../kit/server');
const { folders } = require('./folders');

/**
 * @typedef {object} Stats
 * @property {number} gets
 * @property {number} puts
 * @property {number} heads
 * @property {number} others
 * @property {number} bytesIn
 * @property {number} bytesOut
 * @property {number} blobs
 * @property {number} bytesStored
 */

const container = 'bench';

/**
 * The network between client and storage. `account` is about as far and as fast
 * as a real account.
 */
const links = {
  loopback: { latency: '0s', rate: 0 },
  account: { latency: '20ms', rate: 60_000_000 },
};

/** @typedef {keyof typeof links} Link */

/** Builds nx-azure-testtool. */
async function buildTool() {
  await buildBlobService(path.dirname(folders.tool));
}

/**
 * Starts one of the servers.
 *
 * @param {'serve-blobs' | 'serve-http-cache'} kind
 */
async function startStorage(kind) {
  const more = kind === 'serve-blobs' ? ['--container', container] : [];
  const { port } = await startServer(
    kind,
    (port) => [kind, '--port', String(port), ...more],
    { command: folders.tool },
  );
  return new Storage(port);
}

/** A server of nx-azure-testtool. */
class Storage {
  /** @param {number} port */
  constructor(port) {
    this.url = `http://127.0.0.1:${port}`;
    this.connectionString = connectionString(port);
    this.container = container;
    /** The URL of its control paths. */
    this.control = this.url;
  }

  /** @returns {Promise<Stats>} since the last reset */
  async stats() {
    return (await this.#control('stats')).json();
  }

  /** Removes everything stored. */
  async reset() {
    await this.#control('reset', { method: 'POST' });
  }

  /** @param {Link} name */
  async use(name) {
    const body = JSON.stringify(links[name]);
    await this.#control('settings', { method: 'POST', body });
  }

  /**
   * @param {string} path
   * @param {RequestInit} [options]
   */
  async #control(path, options) {
    const response = await fetch(`${this.url}/-/${path}`, options);
    if (!response.ok) {
      throw new Error(
        `/-/${path}: ${response.status} ${await response.text()}`,
      );
    }
    return response;
  }
}

exports.Storage = Storage;
exports.buildTool = buildTool;
exports.container = container;
exports.links = links;
exports.startAzurite = startAzurite;
exports.startStorage = startStorage;
