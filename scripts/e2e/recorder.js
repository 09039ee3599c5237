'use strict';

const http = require('node:http');
const { once } = require('node:events');
const { connectionString } = require('../lib/azurite');

/** @import { AddressInfo } from 'node:net' */

/**
 * Starts a proxy before Azurite that records the requests it passes on.
 *
 * @param {string} azurite connection string
 */
async function startRecorder(azurite) {
  const target = /BlobEndpoint=http:\/\/([^:]+):(\d+)/.exec(azurite);
  if (!target) throw new Error('the connection string has no BlobEndpoint');
  const [, host, port] = target;

  /** @type {{ method: string, path: string, status: number }[]} */
  const requests = [];
  const server = http.createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const passedOn = http.request(
      { host, port, method, path: url, headers },
      (answer) => {
        const status = answer.statusCode ?? 0;
        requests.push({ method, path: url, status });
        response.writeHead(status, answer.headers);
        answer.pipe(response);
      },
    );
    passedOn.on('error', () => response.destroy());
    request.pipe(passedOn);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = /** @type {AddressInfo} */ (server.address());
  return {
    connectionString: connectionString(address.port),

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
}

exports.startRecorder = startRecorder;
