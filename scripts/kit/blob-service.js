'use strict';

// The Blob service of the tests, cache/azure/azuretest, as a separate program:
// `nx-azure-testtool serve-blobs`. Its control paths are in cmd/nx-azure-testtool/blobcontrol.go.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { connectionString, endpoint } = require('./azurite');
const { go } = require('./go');
const { provide } = require('./programs');
const { patience } = require('./patience');

/** @import { ChildProcess } from 'node:child_process' */

/**
 * A blob, and its metadata by names in lower case.
 *
 * @typedef {{ body: Buffer, metadata: Record<string, string> }} Blob
 */

/**
 * Which requests a fault applies to, and what the service does instead of its usual response:
 * it responds with a status (`fail`), resets the connection (`reset`) or responds later (`hold`).
 *
 * @typedef {object} FaultOptions
 * @property {string} method of the requests
 * @property {'fail' | 'reset' | 'hold'} action
 * @property {number} [status] for `fail`
 * @property {string} [code] x-ms-error-code for `fail`
 * @property {number} [times] how many requests the fault applies to; default: all
 * @property {number} [holdFor] milliseconds; default: until `release`
 */

/** The containers of every service. */
const containers = ['nx-cache'];

/** A Blob service that runs. */
class BlobService {
  /**
   * @param {ChildProcess} child
   * @param {string} url
   */
  constructor(child, url) {
    this.child = child;
    this.url = url;
    const port = Number(new URL(url).port);
    /** The URL of the storage account. */
    this.account = endpoint(port);
    this.connectionString = connectionString(port);
  }

  /**
   * The names of the blobs in a container.
   *
   * @param {string} container
   * @returns {Promise<string[]>}
   */
  names(container) {
    return this.#control('GET', `blobs/${container}`);
  }

  /**
   * @param {string} container
   * @param {string} name
   * @returns {Promise<Blob>}
   */
  async blob(container, name) {
    const blob = await this.#control('GET', `blobs/${container}/${name}`);
    return { ...blob, body: Buffer.from(blob.body, 'base64') };
  }

  /**
   * Stores a blob, and replaces an existing one.
   *
   * @param {string} container
   * @param {string} name
   * @param {Blob} blob
   */
  async putBlob(container, name, { body, metadata }) {
    const blob = { body: body.toString('base64'), metadata };
    await this.#control('PUT', `blobs/${container}/${name}`, blob);
  }

  /**
   * @param {string} container
   * @param {string} name
   */
  async removeBlob(container, name) {
    await this.#control('DELETE', `blobs/${container}/${name}`);
  }

  /**
   * Returns the requests since the last call with their responses: `GET 404`, `PUT 201`,
   * `GET reset`, `GET hold`. A range (206) counts as the blob (200). A request that its client
   * aborted does not count.
   *
   * @returns {Promise<string[]>}
   */
  async takeRequests() {
    /** @type {{ method: string, status: number, fault: string }[]} */
    const requests = await this.#control('POST', 'requests');
    return requests.flatMap(({ method, status, fault }) => {
      if (fault === 'reset' || fault === 'hold') return [`${method} ${fault}`];
      if (status === 0) return [];
      return [`${method} ${status === 206 ? 200 : status}`];
    });
  }

  /**
   * Adds a fault. If several apply to a request, the first one counts.
   *
   * @param {FaultOptions} options
   */
  async addFault({ holdFor = 0, ...fault }) {
    const options = { ...fault, for: holdFor * 1_000_000 };
    const { id } = await this.#control('POST', 'faults', options);
    const control = (/** @type {string} */ name) =>
      this.#control('POST', `faults/${id}/${name}`);
    return {
      /** Ends the fault. Requests that it holds stay held. */
      remove: () => control('remove'),
      /** Puts a removed fault in force again. */
      restore: () => control('restore'),
      /** Ends the fault and responds to the requests that it holds. */
      release: () => control('release'),
      /**
       * Waits for a request that the fault applies to: once for each.
       *
       * @param {number} limit milliseconds
       */
      reached: (limit) =>
        this.#control('GET', `faults/${id}/reached`, undefined, limit),
    };
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {number} [limit] milliseconds
   * @returns {Promise<any>}
   */
  async #control(method, path, body, limit = patience) {
    const response = await fetch(`${this.url}/-/${path}`, {
      ...{ method, body: body && JSON.stringify(body) },
      signal: AbortSignal.timeout(limit),
    });
    if (response.ok) return response.json();
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.stdin?.end(); // it ends with its stdin
    await ended;
  }
}

/**
 * Builds the program.
 *
 * @param {string} folder
 * @returns {Promise<string>} its path
 */
async function buildBlobService(folder) {
  return provide(path.join(folder, 'nx-azure-testtool'), (file) =>
    go(['build', '-o', file, './cmd/nx-azure-testtool']),
  );
}

/**
 * Starts a service on 127.0.0.1 with the container `nx-cache`. It ends with the test, or with
 * this process.
 *
 * @param {{ after: (task: () => unknown) => void }} t
 * @param {string} program from `buildBlobService`
 */
async function startBlobService(t, program) {
  const child = spawn(
    program,
    [
      ...['serve-blobs', '--port', '0', '--stdin', '--requests', '10000'],
      ...containers.flatMap((name) => ['--container', name]),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  /** @type {string} */
  const line = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`serve-blobs ended with ${code}`)),
    );
    child.stdout.setEncoding('utf8').once('data', resolve);
  });
  const url = line.trim().replace('listening on ', '');
  const service = new BlobService(child, url);
  t.after(() => service.stop());
  return service;
}

exports.BlobService = BlobService;
exports.buildBlobService = buildBlobService;
exports.startBlobService = startBlobService;
