'use strict';

// A proxy before Azurite. It records all requests, and its `fault` decides what happens to
// each. http-faults.js holds the faults.

const http = require('node:http');
const https = require('node:https');
const fs = require('node:fs');
const { once } = require('node:events');
const { buffer } = require('node:stream/consumers');
const { connectionString, endpoint } = require('./azurite');

/** @import { AddressInfo } from 'node:net' */
/** @import { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Certificate } from './certificate' */

/** @typedef {(exchange: Exchange) => unknown} Fault */
/** @typedef {{ status: number, headers: IncomingHttpHeaders, body: Buffer }} Response a complete one */
/** @typedef {{ scheme: string, host: string, port: number }} Target */

class FaultProxy {
  /** Decides what happens to each request. By default, passes it on. @type {Fault} */
  fault = ({ pass }) => pass();

  /** Where requests go. A test may change it. @type {Target} */
  target;

  /** @type {{ method: string, status: number | string }[]} */
  #requests = [];
  /** @type {Record<string, number>} */
  #numbers = {};
  /** When a connection was last used. @type {WeakMap<object, number>} */
  #used = new WeakMap();
  #identity;
  #port = 0;

  /**
   * @param {Target} target
   * @param {Certificate} [certificate] of Azurite, which the proxy uses, too
   */
  constructor(target, certificate) {
    this.target = target;
    this.#identity = certificate && {
      cert: fs.readFileSync(certificate.cert),
      key: fs.readFileSync(certificate.key),
    };
    const serve = this.#serve.bind(this);
    this.server = this.#identity
      ? https.createServer(this.#identity, serve)
      : http.createServer(serve);
  }

  get port() {
    return this.#port;
  }

  get endpoint() {
    return endpoint(this.#port, this.target.scheme);
  }

  get connectionString() {
    return connectionString(this.#port, this.target.scheme);
  }

  /** Accepts connections; after `refuse`, again at the same port. */
  async listen() {
    if (this.server.listening) return;
    this.server.listen(this.#port, '127.0.0.1');
    await once(this.server, 'listening');
    const address = /** @type {AddressInfo} */ (this.server.address());
    this.#port = address.port;
  }

  /** Closes all connections, and refuses new ones. */
  refuse() {
    this.server.closeAllConnections();
    this.server.close();
  }

  stop() {
    this.refuse();
  }

  /** The requests since the last call: `GET 404`, `PUT 201`. */
  take() {
    const taken = this.#requests.splice(0);
    return taken.map(({ method, status }) => `${method} ${status}`).sort();
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #serve(request, response) {
    const { method = '', socket } = request;
    response.on('error', () => {}); // the client has gone
    request.on('error', () => {});
    const idle = Date.now() - (this.#used.get(socket) ?? Date.now());
    response.once('close', () => this.#used.set(socket, Date.now()));
    this.#numbers[method] = (this.#numbers[method] ?? 0) + 1;
    const exchange = new Exchange(request, response, {
      number: this.#numbers[method],
      idle,
      open: () => this.#open(request),
      record: (status) => this.#requests.push({ method, status }),
    });
    this.fault(exchange);
  }

  /** @param {IncomingMessage} request */
  #open({ method, url, headers }) {
    const { host, port } = this.target;
    const client = this.#identity ? https : http;
    return client.request({
      ...{ host, port, method, path: url, headers },
      ca: this.#identity?.cert,
    });
  }
}

/** A request and its response, for a fault to handle. */
class Exchange {
  /** @type {() => http.ClientRequest} */
  #open;

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {object} more
   * @param {number} more.number
   * @param {number} more.idle
   * @param {() => http.ClientRequest} more.open
   * @param {(status: number | string) => void} more.record
   */
  constructor(request, response, { number, idle, open, record }) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? '';
    this.path = request.url ?? '';
    /** The request's number among those of its method, from 1. */
    this.number = number;
    /** Milliseconds for which nothing came on its connection. */
    this.idle = idle;
    /** Records the result. `pass`, `ask` and `askWhole` do so themselves. */
    this.record = record;
    this.#open = open;
  }

  /** Passes the request on, and the response back. */
  pass = async () => {
    const response = await this.ask();
    this.response.writeHead(response.statusCode ?? 0, response.headers);
    response.pipe(this.response);
  };

  /**
   * Passes the request on. If there is no response, closes the connection and never
   * resolves.
   *
   * @returns {Promise<IncomingMessage>}
   */
  ask = () => {
    const { request } = this;
    const passedOn = this.#open();
    // A part of a request must not look like a whole one.
    request.on('aborted', () => passedOn.destroy());
    request.pipe(passedOn);
    return this.#responseTo(passedOn);
  };

  /**
   * As `ask`, with the whole response.
   *
   * @param {Buffer} [body] instead of the request's
   * @returns {Promise<Response>}
   */
  askWhole = async (body) => {
    const asked = body ? this.#responseTo(this.#open().end(body)) : this.ask();
    const response = await asked;
    const { statusCode: status = 0, headers } = response;
    const whole = await buffer(response).catch(() => undefined);
    // The response broke off, and the connection is closed.
    return whole ? { status, headers, body: whole } : new Promise(() => {});
  };

  /**
   * @param {http.ClientRequest} passedOn
   * @returns {Promise<IncomingMessage>}
   */
  #responseTo(passedOn) {
    this.response.on('close', () => {
      if (!this.response.writableFinished) passedOn.destroy();
    });
    return new Promise((resolve) => {
      passedOn.on('response', (response) => {
        this.record(response.statusCode ?? 0);
        response.on('error', () => this.response.destroy());
        resolve(response);
      });
      passedOn.on('error', () => this.response.destroy());
    });
  }

  /**
   * Responds, without Azurite or instead of it.
   *
   * @param {Response} response
   */
  respond({ status, headers, body }) {
    this.response.writeHead(status, headers);
    this.response.end(body);
  }

  /** Ends the connection as a crash of the other side does (RST). */
  reset() {
    this.request.socket.resetAndDestroy();
  }
}

/**
 * Starts a proxy before an Azurite.
 *
 * @param {string} azurite connection string
 * @param {Certificate} [certificate] of Azurite, which the proxy uses, too
 */
async function startFaultProxy(azurite, certificate) {
  const target = /BlobEndpoint=(https?):\/\/([^:]+):(\d+)/.exec(azurite);
  if (!target) throw new Error('the connection string has no BlobEndpoint');
  const [, scheme, host, port] = target;
  const proxy = new FaultProxy(
    { scheme, host, port: Number(port) },
    certificate,
  );
  await proxy.listen();
  return proxy;
}

exports.Exchange = Exchange;
exports.FaultProxy = FaultProxy;
exports.startFaultProxy = startFaultProxy;
