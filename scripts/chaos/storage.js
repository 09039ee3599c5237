'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { startAzurite } = require('../kit/azurite');
const { flip, place } = require('../kit/http-faults');
const { signal } = require('../kit/processes');
const { reached } = require('./process-faults');

/** @import { BlockBlobClient, ContainerClient } from '@azure/storage-blob' */
/** @import { StorageFault } from './faults' */
/** @import { ProxyProcess } from './proxy-process' */

/** @typedef {{ content: Buffer, metadata: Record<string, string> }} Blob */

/** An Azurite that faults may kill, and the containers in it. */
class Storage {
  /** @type {Awaited<ReturnType<typeof startAzurite>>} */
  #azurite;
  #alive = true;

  static async start() {
    return new Storage(await startAzurite());
  }

  /** @param {Awaited<ReturnType<typeof startAzurite>>} azurite */
  constructor(azurite) {
    this.#azurite = azurite;
  }

  async stop() {
    if (this.#alive) await this.#azurite.stop();
  }

  get port() {
    return this.#azurite.port;
  }

  /**
   * Makes sure that Azurite runs and that a container exists. The container may be empty.
   *
   * @param {string} container
   */
  async restore(container) {
    signal(this.#azurite.pid, 'SIGCONT');
    if (!this.#alive) {
      this.#azurite = await startAzurite();
      this.#alive = true;
    }
    await this.#container(container).createIfNotExists();
  }

  /** @param {string} container */
  async remove(container) {
    await this.#container(container).deleteIfExists();
  }

  /**
   * The ETags of all blobs, by name.
   *
   * @param {string} container
   */
  async etags(container) {
    /** @type {Record<string, string>} */
    const etags = {};
    const blobs = this.#container(container).listBlobsFlat();
    for await (const { name, properties } of blobs) {
      etags[name] = properties.etag;
    }
    return etags;
  }

  /**
   * Causes a fault after the request with its number, unless the round ends first.
   *
   * @param {StorageFault} fault
   * @param {{ container: string, proxy: ProxyProcess, over: AbortSignal }} scene
   */
  async doAtMoment(fault, { container, proxy, over }) {
    await reached(proxy, fault.at, over);
    if (over.aborted) return;
    await this.do(fault, container);
    await proxy.target(this.port); // a restarted Azurite has another port
  }

  /**
   * Causes a fault at once.
   *
   * @param {StorageFault} fault
   * @param {string} container
   */
  async do(fault, container) {
    switch (fault.kind) {
      case 'kill':
      case 'kill and start':
        this.#alive = false;
        signal(this.#azurite.pid, 'SIGKILL');
        if (fault.kind === 'kill and start') await this.restore(container);
        return;
      case 'freeze':
        signal(this.#azurite.pid, 'SIGSTOP');
        await sleep(fault.milliseconds);
        signal(this.#azurite.pid, 'SIGCONT');
        return;
      case 'delete container':
        return this.remove(container);
      case 'exchange blobs':
        return this.#exchange(container);
      case 'delete blobs':
        for (const blob of await this.#someBlobs(container, fault.share)) {
          await blob.deleteIfExists();
        }
        return;
      default:
        for (const blob of await this.#someBlobs(container, fault.share)) {
          await rewrite(blob, (content) =>
            damages[fault.kind](content, fault.place),
          );
        }
    }
  }

  /**
   * Gives every blob the content and the metadata of the next one.
   *
   * @param {string} container
   */
  async #exchange(container) {
    const clients = [];
    /** @type {Blob[]} */
    const blobs = [];
    for (const client of await this.#someBlobs(container, 1)) {
      const blob = await load(client);
      if (!blob) continue;
      clients.push(client);
      blobs.push(blob);
    }
    for (const [i, client] of clients.entries()) {
      await rewrite(client, () => blobs[(i + 1) % blobs.length]);
    }
  }

  /** @param {string} name */
  #container(name) {
    // Required here: packages are not installed when scripts/chaos.js starts.
    const { BlobServiceClient } = require('@azure/storage-blob');
    return BlobServiceClient.fromConnectionString(
      this.#azurite.connectionString,
      { retryOptions: { maxTries: 4, retryDelayInMs: 100 } },
    ).getContainerClient(name);
  }

  /**
   * @param {string} container
   * @param {number} share of all blobs
   */
  async #someBlobs(container, share) {
    const client = this.#container(container);
    const names = await blobNames(client);
    return names
      .slice(0, Math.ceil(names.length * share))
      .map((name) => client.getBlockBlobClient(name));
  }
}

/** @type {Record<string, (blob: Blob, at: number) => Blob>} */
const damages = {
  'flip blobs': ({ content, metadata }, at) => ({
    content: flip(content, at),
    metadata,
  }),
  'truncate blobs': ({ content, metadata }, at) => ({
    content: content.subarray(0, place(content, at)),
    metadata,
  }),
  'empty blobs': ({ metadata }) => ({ content: Buffer.alloc(0), metadata }),
  'junk blobs': ({ metadata }) => ({
    content: Buffer.from('<html>not an archive</html>'),
    metadata,
  }),
  'strip metadata': ({ content }) => ({ content, metadata: {} }),
  'change metadata': ({ content, metadata }) => ({
    content,
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, `${value}0`]),
    ),
  }),
};

/** @param {ContainerClient} client */
async function blobNames(client) {
  const names = [];
  try {
    for await (const { name } of client.listBlobsFlat()) names.push(name);
  } catch (err) {
    if (!isGone(err)) throw err;
  }
  return names.sort();
}

/**
 * @param {BlockBlobClient} client
 * @returns {Promise<Blob | undefined>} undefined if it is gone
 */
async function load(client) {
  try {
    const { metadata = {} } = await client.getProperties();
    return { content: await client.downloadToBuffer(), metadata };
  } catch (err) {
    if (isGone(err)) return undefined;
    throw err;
  }
}

/**
 * @param {BlockBlobClient} client
 * @param {(blob: Blob) => Blob} change
 */
async function rewrite(client, change) {
  const blob = await load(client);
  if (!blob) return;
  const { content, metadata } = change(blob);
  try {
    await client.upload(content, content.length, { metadata });
  } catch (err) {
    if (!isGone(err)) throw err;
  }
}

/**
 * Whether another fault has removed the blob or the container meanwhile.
 *
 * @param {unknown} err
 */
function isGone(err) {
  return /** @type {{ statusCode?: number }} */ (err).statusCode === 404;
}

exports.Storage = Storage;
