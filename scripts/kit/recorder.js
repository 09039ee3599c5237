'use strict';

const http = require('node:http');
const https = require('node:https');
const fs = require('node:fs');
const { once } = require('node:events');
const { connectionString, endpoint } = require('./azurite');

/** @import { AddressInfo } from 'node:net' */
/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Certificate } from './certificate' */

/**
 * A request that a fault may do something to (http-faults.js).
 *
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path
 * @property {number} number of the request among those of its method, from 1
 * @property {IncomingMessage} request
 * @property {ServerResponse} response
 * @property {() => void} pass passes it on, and the answer back
 * @property {() => Promise<IncomingMessage>} ask passes it on, and gives the
 *   answer to the fault
 * @property {(status: number | string) => void} record notes what became of
 *   it, which `pass` and `ask` do themselves
 */

/** @typedef {(exchange: Exchange) => unknown} Fault */

/**
 * Starts a proxy before Azurite that records the requests it passes on, and
 * does to them what its fault says.
 *
 * @param {string} azurite connection string
 * @param {Certificate} [certificate] that Azurite has; the proxy has it, too
 */
async function startRecorder(azurite, certificate) {
  const target = /BlobEndpoint=(https?):\/\/([^:]+):(\d+)/.exec(azurite);
  if (!target) throw new Error('the connection string has no BlobEndpoint');
  const [, scheme, host, port] = target;
  const identity = certificate && {
    cert: fs.readFileSync(certificate.cert),
    key: fs.readFileSync(certificate.key),
  };
  const ca = identity?.cert;

  /** @type {{ method: string, path: string, status: number | string }[]} */
  const requests = [];
  /** @type {Record<string, number>} */
  const numbers = {};
  /** @param {IncomingMessage} request @param {ServerResponse} response */
  const serve = (request, response) => {
    const { method = '', url = '', headers } = request;
    response.on('error', () => {}); // the client has gone
    request.on('error', () => {});
    const record = (/** @type {number | string} */ status) =>
      requests.push({ method, path: url, status });
    const ask = () =>
      new Promise((resolve) => {
        const options = { host, port, method, path: url, headers, ca };
        const client = identity ? https : http;
        const passedOn = client.request(options, (answer) => {
          record(answer.statusCode ?? 0);
          answer.on('error', () => response.destroy());
          resolve(answer);
        });
        passedOn.on('error', () => response.destroy());
        // What has not come whole is not passed on as if it had.
        request.on('aborted', () => passedOn.destroy());
        request.pipe(passedOn);
      });
    const pass = async () => {
      const answer = await ask();
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    };
    numbers[method] = (numbers[method] ?? 0) + 1;
    const number = numbers[method];
    recorder.fault({
      ...{ method, path: url, number, request, response },
      ...{ pass, ask, record },
    });
  };
  const server = identity
    ? https.createServer(identity, serve)
    : http.createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = /** @type {AddressInfo} */ (server.address());
  const recorder = {
    port: address.port,
    endpoint: endpoint(address.port, scheme),
    connectionString: connectionString(address.port, scheme),
    server,

    /** @type {Fault} what is done to every request: nothing */
    fault: ({ pass }) => pass(),

    /** Returns what was sent since it was last called: `GET 404`, `PUT 201`. */
    take() {
      const taken = requests.splice(0);
      return taken.map(({ method, status }) => `${method} ${status}`).sort();
    },

    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return recorder;
}

exports.startRecorder = startRecorder;
