'use strict';

const { createHash, randomUUID } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */

/**
 * How requests of a method are answered instead: with a status, by breaking the
 * connection (`reset`) or not until `release` (`hold`).
 *
 * @typedef {{ answer: string, code?: string, left: number }} Rule
 */

/** @typedef {{ body: Buffer, headers: Record<string, string> }} StoredBlob */

const metadataPrefix = 'x-ms-meta-';

/**
 * As much of Azure Blob Storage as a cache needs: Get Blob, and Put Blob with
 * its conditions. It takes every signature. It can be made to fail, break and
 * hold requests. cmd/nx-azure-cache/fakestorage_test.go is the same in Go.
 */
class BlobServer {
  /** @type {Map<string, StoredBlob>} by path */
  blobs = new Map();
  /** @type {string[]} `GET 404`, `PUT 201`, `GET reset`, … */
  requests = [];
  /** @type {Map<string, Rule>} by method */
  #rules = new Map();
  /** @type {Record<string, number>} how many requests were held, by method */
  #held = {};
  /** @type {(() => void)[]} */
  #released = [];

  /**
   * @param {number} port
   * @param {number} putTakes milliseconds until a Put Blob is done
   */
  constructor(port, putTakes) {
    this.putTakes = putTakes;
    /** The URL of the storage account. */
    this.account = `http://127.0.0.1:${port}/devstoreaccount1`;
    this.connectionString = [
      'DefaultEndpointsProtocol=http',
      'AccountName=devstoreaccount1',
      `AccountKey=${Buffer.from('any key').toString('base64')}`,
      `BlobEndpoint=${this.account}`,
    ].join(';');
  }

  /**
   * Changes how requests of a method are answered; undefined: as usual.
   *
   * @param {string} method
   * @param {Rule | undefined} rule
   */
  behave(method, rule) {
    if (rule) this.#rules.set(method, rule);
    else this.#rules.delete(method);
  }

  /** Answers what is held, and holds no more. */
  release() {
    for (const [method, { answer }] of this.#rules) {
      if (answer === 'hold') this.#rules.delete(method);
    }
    for (const go of this.#released.splice(0)) go();
  }

  /**
   * Whether a request of the method is held that was not asked for before.
   *
   * @param {string} method
   */
  takeHeld(method) {
    if (!this.#held[method]) return false;
    this.#held[method]--;
    return true;
  }

  /**
   * Runs a function as if there were no rules, and forgets its requests.
   *
   * @param {() => Promise<void>} run
   */
  async aside(run) {
    const [rules, count] = [this.#rules, this.requests.length];
    this.#rules = new Map();
    try {
      await run();
    } finally {
      this.#rules = rules;
      this.requests.length = count;
    }
  }

  /**
   * @param {string} path
   * @param {Buffer} body
   * @param {Record<string, string>} metadata with the prefix of headers
   */
  put(path, body, metadata) {
    const etag = `"${randomUUID()}"`;
    this.blobs.set(path, { body, headers: { ...metadata, etag } });
    return etag;
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  async answer(request, response) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the client has broken off
    }
    const { method = '' } = request;
    if (method === 'PUT' && (await this.#isGivenUp(response))) return;
    const rule = this.#rules.get(method);
    if (!rule || rule.left === 0) {
      return this.#answerAsUsual(request, response, Buffer.concat(chunks));
    }
    rule.left--;
    this.requests.push(`${method} ${rule.answer}`);
    if (rule.answer === 'reset') {
      request.socket.destroy();
    } else if (rule.answer === 'hold') {
      this.#held[method] = (this.#held[method] ?? 0) + 1;
      await new Promise((/** @type {(_?: any) => void} */ resolve) =>
        this.#released.push(resolve),
      );
      this.#answerAsUsual(request, response, Buffer.concat(chunks), true);
    } else {
      reply(response, Number(rule.answer), errorCode(rule.code));
    }
  }

  /**
   * Takes the time that Put Blob takes, and tells whether the client has given
   * it up meanwhile.
   *
   * @param {ServerResponse} response
   */
  async #isGivenUp(response) {
    if (this.putTakes === 0) return false;
    const gone = once(response, 'close').then(() => true);
    return Promise.race([gone, sleep(this.putTakes).then(() => false)]);
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {Buffer} body
   * @param {boolean} [noted] the request is among `requests` already
   */
  #answerAsUsual(request, response, body, noted = false) {
    const { method = '' } = request;
    const { status, headers, content } = this.#perform(request, body);
    // Whether a client asks for a whole blob or a range of it is its own affair.
    if (!noted)
      this.requests.push(`${method} ${status === 206 ? 200 : status}`);
    reply(response, status, headers, content);
  }

  /**
   * @param {IncomingMessage} request
   * @param {Buffer} body
   * @returns {{ status: number, headers: Record<string, string>, content?: Buffer }}
   */
  #perform({ method, url = '', headers }, body) {
    const path = url.split('?')[0];
    const blob = this.blobs.get(path);
    if (method === 'GET' || method === 'HEAD') {
      return blob ? read(blob, headers) : refusal(404, 'BlobNotFound');
    }
    if (method !== 'PUT') return refusal(405, 'UnsupportedHttpVerb');
    const { 'if-none-match': none, 'if-match': match } = headers;
    // Nothing of ours overwrites what it has not seen.
    if (none !== '*' && !match) return refusal(400, 'InvalidHeaderValue');
    if (none && blob) return refusal(409, 'BlobAlreadyExists');
    if (match && match !== blob?.headers.etag) {
      return refusal(412, 'ConditionNotMet');
    }
    const metadata = Object.entries(headers).filter(([name]) =>
      name.startsWith(metadataPrefix),
    );
    const etag = this.put(
      path,
      body,
      /** @type {Record<string, string>} */ (Object.fromEntries(metadata)),
    );
    return { status: 201, headers: { etag } };
  }

  /**
   * The names of the blobs in a container.
   *
   * @param {string} container
   */
  names(container) {
    const below = `${new URL(this.account).pathname}/${container}/`;
    return [...this.blobs.keys()]
      .filter((path) => path.startsWith(below))
      .map((path) => path.slice(below.length))
      .sort();
  }

  /**
   * The blob of a task hash, whatever prefix and scope it has.
   *
   * @param {string} hash
   */
  find(hash) {
    const path = [...this.blobs.keys()].find((path) =>
      path.endsWith(`/${hash}`),
    );
    const blob = this.blobs.get(path ?? '');
    if (path === undefined || !blob) {
      throw new Error(`nothing is stored under ${hash}`);
    }
    return { path, ...blob };
  }

  /**
   * Changes what is stored under a hash; testdata/rpc/README.md says how.
   *
   * @param {string} hash
   * @param {string} kind
   * @param {string} argument
   * @param {string} content
   */
  damage(hash, kind, argument, content) {
    const { path, body, headers } = this.find(hash);
    if (kind === 'remove') {
      this.blobs.delete(path);
      return;
    }
    const change = damages[kind];
    if (!change) throw new Error(`there is no damage "${kind}"`);
    const changed = change(
      { body, headers: { ...headers } },
      { argument, content, find: (other) => this.find(other) },
    );
    this.put(path, changed.body, changed.headers);
  }
}

/**
 * @type {Record<string, (blob: StoredBlob, how: { argument: string, content: string, find: (hash: string) => StoredBlob }) => StoredBlob>}
 */
const damages = {
  truncate: ({ body, headers }) => ({ body: body.subarray(0, -1), headers }),
  append: ({ body, headers }) => ({
    body: Buffer.concat([body, Buffer.alloc(1)]),
    headers,
  }),
  flip: ({ body, headers }) => {
    const changed = Buffer.from(body);
    changed[changed.length >> 1] ^= 1;
    return { body: changed, headers };
  },
  content: ({ headers }, { content }) => ({
    body: Buffer.from(content),
    headers,
  }),
  as: (_, { argument, find }) => find(argument),
  metadata: ({ body, headers }, { argument }) => {
    const [name, value] = argument.split('=');
    delete headers[metadataPrefix + name];
    if (value) headers[metadataPrefix + name] = value;
    return { body, headers };
  },
  describe: ({ body, headers }) => ({
    body,
    headers: { ...headers, ...describe(body) },
  }),
};

/**
 * The metadata that fits an archive, as headers.
 *
 * @param {Buffer} body
 */
function describe(body) {
  return {
    [`${metadataPrefix}format`]: '1',
    [`${metadataPrefix}length`]: String(body.length),
    [`${metadataPrefix}sha256`]: createHash('sha256')
      .update(body)
      .digest('hex'),
  };
}

/**
 * The answer to Get Blob: the blob, or the range of it that is asked for.
 *
 * @param {StoredBlob} blob
 * @param {import('node:http').IncomingHttpHeaders} asked
 */
function read({ body, headers }, asked) {
  if (asked['if-match'] && asked['if-match'] !== headers.etag) {
    return refusal(412, 'ConditionNotMet');
  }
  const size = body.length;
  const range = /^bytes=(\d+)-(\d*)$/.exec(String(asked['x-ms-range']));
  if (!range) {
    const length = { 'content-length': String(size) };
    return { status: 200, headers: { ...headers, ...length }, content: body };
  }
  const from = Number(range[1]);
  if (from >= size) return refusal(416, 'InvalidRange');
  const content = body.subarray(from, range[2] ? Number(range[2]) + 1 : size);
  const extent = {
    'content-length': String(content.length),
    'content-range': `bytes ${from}-${from + content.length - 1}/${size}`,
  };
  return { status: 206, headers: { ...headers, ...extent }, content };
}

/**
 * @param {number} status
 * @param {string} code
 */
function refusal(status, code) {
  return { status, headers: errorCode(code) };
}

/**
 * @param {string | undefined} code
 * @returns {Record<string, string>}
 */
function errorCode(code) {
  return code ? { 'x-ms-error-code': code } : {};
}

/**
 * @param {ServerResponse} response
 * @param {number} status
 * @param {Record<string, string>} headers
 * @param {Buffer} [content]
 */
function reply(response, status, headers, content) {
  response.writeHead(status, {
    'x-ms-request-id': randomUUID(),
    ...headers,
  });
  response.end(content);
}

/**
 * Starts a storage on 127.0.0.1 that ends with the test.
 *
 * @param {{ after: (task: () => unknown) => void }} t
 * @param {{ putTakes?: number }} [options] milliseconds until a Put Blob is done
 */
async function startBlobServer(t, { putTakes = 0 } = {}) {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {AddressInfo} */ (server.address());
  const storage = new BlobServer(port, putTakes);
  server.on('request', (request, response) =>
    storage.answer(request, response),
  );
  t.after(() => {
    storage.release();
    server.close();
    server.closeAllConnections();
  });
  return storage;
}

exports.BlobServer = BlobServer;
exports.describe = describe;
exports.startBlobServer = startBlobServer;
