'use strict';

const fs = require('node:fs');
const { version } = require('../package.json');

/**
 * @typedef {object} Responder
 * @property {(result: any) => void} result
 * @property {(code: number, message: string, data?: unknown) => void} error
 */

/** The summary of a server without requests. */
const emptySummary = {
  hits: 0,
  misses: 0,
  damaged: 0,
  stored: 0,
  existing: 0,
  skipped: 0,
  evicted: 0,
  failed: 0,
  bytesRead: 0,
  bytesWritten: 0,
};

/**
 * A server for the protocol in rpc/doc.go. Unless a test changes it, it enables the cache,
 * responds to each `retrieve` with a miss, accepts and stores each result at once, and exits
 * when its stdin ends. As `drain`, it reports that nothing is left.
 */
class FakeServer {
  /** @type {Record<string, (params: any, respond: Responder) => void>} */
  #handlers = {
    initialize: (_, respond) => respond.result(this.hello()),
    retrieve: (_, respond) => respond.result(null),
    store: ({ terminalOutputPath }, respond) => {
      this.take(terminalOutputPath);
      respond.result({ queued: true, reason: '' });
    },
  };
  /** @type {() => void} what it does as `drain` */
  #drain = () => this.drained();
  #input = Buffer.alloc(0);

  /** Whether it reports each accepted result as stored, at once. */
  reportsStored = true;

  /** Whether this process runs as `drain` and not as a server. */
  get isDrain() {
    return process.argv[2] === 'drain';
  }

  /** The response to `initialize`, with changes. */
  hello(changes = {}) {
    return {
      serverVersion: version,
      enabled: true,
      reason: '',
      mode: 'read-write',
      scope: 'local',
      scopeReason: 'not in CI',
      location: 'https://acme.blob.core.windows.net/nx-cache',
      session: '4711-fake',
      idleTimeout: 30_000,
      drain: 60_000,
      tasks: false,
      license: { status: 'valid', organization: 'Acme', expiresAt: '' },
      ...changes,
    };
  }

  /**
   * Replaces the handler of a method. A handler that never responds leaves the call
   * pending.
   *
   * @param {string} method
   * @param {(params: any, respond: Responder) => void} handler
   */
  on(method, handler) {
    this.#handlers[method] = handler;
  }

  /**
   * Replaces the behavior as `drain`.
   *
   * @param {() => void} handler
   */
  onDrain(handler) {
    this.#drain = handler;
  }

  /**
   * As `drain`, prints the result and exits: Result in cmd/nx-azure-cache/internal/drain.
   *
   * @param {{ summary?: object, [more: string]: unknown }} [changes]
   */
  drained({ summary = {}, ...changes } = {}) {
    const result = {
      ended: 'stored',
      processId: 4711,
      waiting: 0,
      bytes: 0,
      summary: { ...emptySummary, ...summary },
      problems: null,
      ...changes,
    };
    this.write(`${JSON.stringify(result)}\n`);
    process.exit();
  }

  /**
   * Takes over the file with a terminal output, and returns its content.
   *
   * @param {string} [file]
   */
  take(file) {
    if (file === undefined) return undefined;
    const text = fs.readFileSync(file, 'utf8');
    fs.unlinkSync(file);
    return text;
  }

  /**
   * Reports the outcome of a result.
   *
   * @param {string} hash
   * @param {object} [changes]
   */
  stored(hash, changes = {}) {
    const params = { hash, bytes: 1, outcome: 'stored', reason: '' };
    this.notify('stored', { ...params, ...changes });
  }

  /**
   * @param {string} method
   * @param {object} params
   */
  notify(method, params) {
    this.send({ jsonrpc: '2.0', method, params });
  }

  /** @param {object} message */
  send(message) {
    this.write(this.frame(message));
  }

  /** @param {object} message */
  frame(message) {
    const body = JSON.stringify(message);
    return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  /**
   * Writes to stdout, which also works right before process.exit.
   *
   * @param {string} text
   */
  write(text) {
    fs.writeSync(1, text);
  }

  /** Stays without reading, whatever happens, for 60 s. */
  hang() {
    process.stdin.pause();
    process.stdin.removeAllListeners();
    setTimeout(() => {}, 60_000);
  }

  start() {
    if (this.isDrain) {
      setImmediate(() => this.#drain()); // which the script may still replace
      return;
    }
    process.stdin.on('data', (data) => {
      this.#input = Buffer.concat([this.#input, data]);
      while (this.#readMessage());
    });
    process.stdin.on('end', () => process.exit());
  }

  #readMessage() {
    const end = this.#input.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const header = this.#input.toString('latin1', 0, end);
    const length = Number(/^Content-Length: (\d+)$/.exec(header)?.[1]);
    if (this.#input.length < end + 4 + length) return false;
    const body = this.#input.subarray(end + 4, end + 4 + length);
    this.#input = this.#input.subarray(end + 4 + length);
    const { id, method, params } = JSON.parse(body.toString());
    const isIgnored = id === undefined && !this.#handlers[method];
    if (isIgnored || method === undefined) return true;
    this.#handlers[method](params, {
      result: (result) => {
        this.send({ jsonrpc: '2.0', id, result });
        const isAccepted = method === 'store' && result?.queued;
        if (isAccepted && this.reportsStored) this.stored(params.hash);
      },
      error: (code, message, data) =>
        this.send({ jsonrpc: '2.0', id, error: { code, message, data } }),
    });
    return true;
  }
}

exports.FakeServer = FakeServer;
exports.emptySummary = emptySummary;
