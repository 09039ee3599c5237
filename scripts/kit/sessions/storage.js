'use strict';

// The storage of one session: a Blob service in the terms of the lines `storage`, `damage`,
// `archive` and `expect blobs`. See testdata/rpc/README.md.

const { createHash } = require('node:crypto');
const { STATUS_CODES } = require('node:http');
const { show } = require('./values');

/** @import { Blob, BlobService, FaultOptions } from '../blob-service' */

/** @typedef {Awaited<ReturnType<BlobService['addFault']>>} Fault */

const container = 'nx-cache';

class Storage {
  /** @type {Map<string, Fault>} in force, by method */
  #faults = new Map();
  /** @type {Map<string, Fault>} the last fault that holds requests, by method */
  #holding = new Map();
  /** @type {Fault[]} all faults that may hold requests */
  #holds = [];
  /** @type {string[]} requests taken from the service, but not yet by `takeRequests` */
  #earlier = [];

  /** @param {BlobService} service */
  constructor(service) {
    this.service = service;
    this.account = service.account;
    this.connectionString = service.connectionString;
  }

  /**
   * Executes a line `storage`.
   *
   * @param {string[]} words after the keyword
   * @param {number} limit milliseconds to wait for a request that is held
   */
  async control(words, limit) {
    const [first, method] = words;
    if (first === 'release') return this.release();
    if (first === 'wait') return this.#waitForHeld(method, limit);
    await this.#setFault(first, parseFault(words));
  }

  /**
   * Changes how the storage responds to the requests of a method.
   *
   * @param {string} method
   * @param {FaultOptions | undefined} options undefined: as usual
   */
  async #setFault(method, options) {
    await this.#faults.get(method)?.remove();
    this.#faults.delete(method);
    if (!options) return;
    const fault = await this.service.addFault(options);
    this.#faults.set(method, fault);
    if (options.action !== 'hold') return;
    this.#holding.set(method, fault);
    this.#holds.push(fault);
  }

  /**
   * @param {string} method
   * @param {number} limit milliseconds
   */
  async #waitForHeld(method, limit) {
    const fault = this.#holding.get(method);
    if (!fault) throw new Error(`no line lets the storage hold ${method}`);
    await fault.reached(limit).catch((cause) => {
      throw new Error(`the storage holds no ${method}`, { cause });
    });
  }

  /** Responds to the requests that are held, and holds no more. */
  async release() {
    for (const fault of this.#holds.splice(0)) await fault.release();
  }

  /**
   * Runs a function as if the session had no faults, and forgets its requests.
   *
   * @param {() => Promise<void>} run
   */
  async undisturbed(run) {
    const before = await this.takeRequests();
    for (const fault of this.#faults.values()) await fault.remove();
    try {
      await run();
    } finally {
      for (const fault of this.#faults.values()) await fault.restore();
      await this.takeRequests();
      this.#earlier = before;
    }
  }

  /** Returns the requests since the last call; see BlobService. */
  async takeRequests() {
    const requests = [...this.#earlier, ...(await this.service.takeRequests())];
    this.#earlier = [];
    return requests;
  }

  /** The names of the blobs. */
  names() {
    return this.service.names(container);
  }

  /**
   * Puts an archive into the container as the result of a hash.
   *
   * @param {string} hash
   * @param {Buffer} body
   */
  async putArchive(hash, body) {
    const blob = described({ body, metadata: {} });
    await this.service.putBlob(container, `v1/local/${hash}`, blob);
  }

  /**
   * The blob of a task hash, whatever prefix and scope it has.
   *
   * @param {string} hash
   */
  async find(hash) {
    const names = await this.names();
    const name = names.find((name) => name.endsWith(`/${hash}`));
    if (name === undefined) {
      throw new Error(`nothing is stored under ${hash}, only ${show(names)}`);
    }
    return { name, blob: await this.service.blob(container, name) };
  }

  /**
   * Damages the blob of a hash.
   *
   * @param {string} hash
   * @param {string} kind
   * @param {string} argument
   * @param {string} content
   */
  async damage(hash, kind, argument, content) {
    const { name, blob } = await this.find(hash);
    if (kind === 'remove') return this.service.removeBlob(container, name);
    const damaged =
      kind === 'as'
        ? (await this.find(argument)).blob
        : damages[kind]?.(blob, argument || content);
    if (!damaged) throw new Error(`there is no damage "${kind}"`);
    await this.service.putBlob(container, name, damaged);
  }
}

/** @type {Record<string, (blob: Blob, argument: string) => Blob>} */
const damages = {
  truncate: ({ body, metadata }) => ({ body: body.subarray(0, -1), metadata }),
  append: ({ body, metadata }) => ({
    body: Buffer.concat([body, Buffer.alloc(1)]),
    metadata,
  }),
  flip: ({ body, metadata }) => {
    const changed = Buffer.from(body);
    changed[changed.length - 1] ^= 1;
    return { body: changed, metadata };
  },
  content: ({ metadata }, content) => ({
    body: Buffer.from(content),
    metadata,
  }),
  metadata: ({ body, metadata }, argument) => {
    const [name, value] = argument.split('=');
    const { [name]: before, ...others } = metadata;
    return { body, metadata: value ? { ...others, [name]: value } : others };
  },
  describe: described,
};

/**
 * A blob whose metadata matches its body. An existing format stays.
 *
 * @param {Blob} blob
 * @returns {Blob}
 */
function described({ body, metadata }) {
  const sha256 = createHash('sha256').update(body).digest('hex');
  const length = String(body.length);
  return { body, metadata: { format: '1', ...metadata, length, sha256 } };
}

/**
 * Reads METHOD BEHAVIOUR [for N].
 *
 * @param {string[]} words
 * @returns {FaultOptions | undefined} undefined: as usual
 */
function parseFault(words) {
  const text = words.join(' ');
  const match =
    /^(GET|HEAD|PUT) (?:(\d{3})(?: (?!for )(\w+))?|(reset|hold|ok))(?: for (\d+))?$/.exec(
      text,
    );
  if (!match || (match[2] && !STATUS_CODES[match[2]])) {
    throw new Error(`"${text}" is not a method and a behaviour`);
  }
  const [, method, status, code, action, times] = match;
  if (action === 'ok') return undefined;
  return {
    ...{ method, code, times: Number(times ?? 0) },
    ...(status
      ? { action: 'fail', status: Number(status) }
      : { action: /** @type {'reset' | 'hold'} */ (action) }),
  };
}

exports.Storage = Storage;
