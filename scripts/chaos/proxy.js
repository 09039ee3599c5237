'use strict';

const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { describe } = require('./faults');
const { faults } = require('./http-faults');

/** @import { AddressInfo } from 'node:net' */
/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { HttpFault } from './faults' */

/**
 * A proxy before Azurite that can be told to do wrong. It emits `request` with
 * the number of each request of a round, from 1 on, and a line about it.
 *
 * @extends {EventEmitter<{ request: [number, string] }>}
 */
class FaultProxy extends EventEmitter {
  #server = http.createServer((request, response) => {
    this.#handle(request, response).catch(() => response.destroy());
  });
  #agent = new http.Agent({ keepAlive: true });
  /** @type {HttpFault[]} */
  #faults = [];
  #count = 0;
  /** @type {AbortController} aborted when the round is over */
  #round = new AbortController();
  #port = 0;
  /** @type {WeakMap<object, number>} when a connection was last used */
  #used = new WeakMap();
  /** The port of Azurite, which may change. */
  target = 0;

  /** Resolves to the port of the proxy. */
  async start() {
    await this.listen();
    const address = /** @type {AddressInfo} */ (this.#server.address());
    this.#port = address.port;
    return this.#port;
  }

  /**
   * Begins a round with these faults.
   *
   * @param {HttpFault[]} faults
   */
  async begin(faults) {
    await this.calm();
    this.#faults = faults;
    this.#count = 0;
    this.#round = new AbortController();
  }

  /** Ends all faults; connections that they hold are closed. */
  async calm() {
    this.#faults = [];
    this.#round.abort();
    await this.listen();
  }

  /** Refuses connections, until `listen`. */
  refuse() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Takes connections again, at the same port. */
  async listen() {
    if (this.#server.listening) return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  async #handle(request, response) {
    const number = ++this.#count;
    const fault = this.#faults.find(
      ({ method = request.method, first, count }) =>
        method === request.method && number >= first && number - first < count,
    );
    const path = request.url?.split('?')[0];
    const what = fault ? ` ⚡ ${describe(fault)}` : '';
    this.emit('request', number, `#${number} ${request.method} ${path}${what}`);
    const { socket } = request;
    const idle = Date.now() - (this.#used.get(socket) ?? Date.now());
    response.once('close', () => this.#used.set(socket, Date.now()));
    const exchange = new Exchange(this, request, response, {
      idle,
      round: this.#round.signal,
      pass: { agent: this.#agent, port: this.target },
    });
    const doIt = fault ? faults[fault.kind] : faults.none;
    await doIt(exchange, /** @type {HttpFault} */ (fault));
  }
}

/** @typedef {{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }} Answer */

/** One request and its answer, in the hands of a fault. */
class Exchange {
  /** @type {FaultProxy} */
  proxy;
  /** @type {IncomingMessage} */
  request;
  /** @type {ServerResponse} */
  response;
  /** @type {AbortSignal} aborted when the round is over */
  round;
  /** Milliseconds for which nothing came on its connection. */
  idle;
  /** @type {{ agent: http.Agent, port: number }} */
  #pass;

  /**
   * @param {FaultProxy} proxy
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {{ round: AbortSignal, idle: number, pass: { agent: http.Agent, port: number } }} options
   */
  constructor(proxy, request, response, { round, idle, pass }) {
    this.proxy = proxy;
    this.request = request;
    this.response = response;
    this.round = round;
    this.idle = idle;
    this.#pass = pass;
  }

  /** The body of the request. */
  body() {
    return readAll(this.request);
  }

  /**
   * Opens the request to Azurite; its body is to be written.
   */
  open() {
    const { method, url, headers } = this.request;
    const options = { host: '127.0.0.1', method, path: url, headers };
    return http.request({ ...options, ...this.#pass });
  }

  /**
   * Passes the request on, whole, and resolves to the answer.
   *
   * @param {Buffer} body
   * @returns {Promise<Answer>}
   */
  async ask(body) {
    const passedOn = this.open();
    passedOn.end(body);
    const [answer] = await once(passedOn, 'response');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: await readAll(answer),
    };
  }

  /**
   * Sends an answer, whole.
   *
   * @param {Answer} answer
   */
  answer({ status, headers, body }) {
    this.response.writeHead(status, headers);
    this.response.end(body);
  }

  /** Ends the connection as a crash of the other side does (RST). */
  reset() {
    this.request.socket.resetAndDestroy();
  }

  /** Says nothing more until the round is over. */
  async stall() {
    if (!this.round.aborted) await once(this.round, 'abort');
    this.reset();
  }
}

/**
 * @param {IncomingMessage} stream
 * @returns {Promise<Buffer>}
 */
async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

exports.Exchange = Exchange;
exports.FaultProxy = FaultProxy;
