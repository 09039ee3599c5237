'use strict';

const fs = require('node:fs');
const { version } = require('../package.json');

/**
 * @typedef {object} Answer
 * @property {(result: any) => void} result
 * @property {(code: number, message: string) => void} error
 */

/**
 * A server that speaks the protocol of rpc/doc.go, as far as a test does not
 * change it. It answers `initialize` with enabled, every `retrieve` with a
 * miss, every `store` with queued, and ends when its stdin does.
 */
class FakeServer {
  /** @type {Record<string, (params: any, answer: Answer) => void>} */
  #handlers = {
    initialize: (_, answer) => answer.result(this.hello()),
    retrieve: (_, answer) => answer.result(null),
    store: (_, answer) => answer.result({ queued: true, reason: '' }),
  };
  #input = Buffer.alloc(0);

  /** What `initialize` answers, with changes. */
  hello(changes = {}) {
    return {
      serverVersion: version,
      enabled: true,
      reason: '',
      mode: 'read-write',
      scope: 'local',
      license: { status: 'valid', organization: 'Acme', expiresAt: '' },
      ...changes,
    };
  }

  /**
   * Replaces the handler of a method. One that never answers leaves the call
   * pending.
   *
   * @param {string} method
   * @param {(params: any, answer: Answer) => void} handler
   */
  on(method, handler) {
    this.#handlers[method] = handler;
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
    if (id === undefined || method === undefined) return true;
    this.#handlers[method](params, {
      result: (result) => this.send({ jsonrpc: '2.0', id, result }),
      error: (code, message) =>
        this.send({ jsonrpc: '2.0', id, error: { code, message } }),
    });
    return true;
  }
}

exports.FakeServer = FakeServer;
