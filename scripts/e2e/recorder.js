'use strict';

const http = require('node:http');
const { once } = require('node:events');
const { connectionString } = require('../lib/azurite');

/** @import { AddressInfo } from 'node:net' */
/** @import { IncomingMessage, ServerResponse } from 'node:http' */

/**
 * A request that a fault may do something to (scripts/faults/faults.js).
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
 */
async function startRecorder(azurite) {
  const target = /BlobEndpoint=http:\/\/([^:]+):(\d+)/.exec(azurite);
  if (!target) throw new Error('the connection string has no BlobEndpoint');
  const [, host, port] = target;

  /** @type {{ method: string, path: string, status: number | string }[]} */
  const requests = [];
  /** @type {Record<string, number>} */
  const numbers = {};
  const server = http.createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    response.on('error', () => {}); // the client has gone
    request.on('error', () => {});
    const record = (/** @type {number | string} */ status) =>
      requests.push({ method, path: url, status });
    const ask = () =>
      new Promise((resolve) => {
        const options = { host, port, method, path: url, headers };
        const passedOn = http.request(options, (answer) => {
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
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = /** @type {AddressInfo} */ (server.address());
  const recorder = {
    port: address.port,
    connectionString: connectionString(address.port),
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
