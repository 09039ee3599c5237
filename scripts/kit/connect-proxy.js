'use strict';

const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');

/** @import { TestContext } from 'node:test' */
/** @import { AddressInfo, Socket } from 'node:net' */

/**
 * Starts a corporate proxy. It connects (CONNECT) clients that send its user and password to
 * the hosts of a table.
 *
 * @param {TestContext} t
 * @param {Record<string, number>} routes ports of this machine, by host
 */
async function startConnectProxy(t, routes) {
  const user = 'anna';
  const password = 'pa$$ w0rd';
  const expected =
    'Basic ' + Buffer.from(`${user}:${password}`).toString('base64');
  /** @type {Set<Socket>} */
  const sockets = new Set();
  /** @type {Set<string>} */
  const asked = new Set();
  const server = http.createServer((_, response) =>
    response.writeHead(405).end(),
  );
  server.on('connect', (request, /** @type {Socket} */ socket) => {
    const keep = (/** @type {Socket} */ end) => {
      sockets.add(end);
      end.on('error', () => end.destroy()); // the other side has gone
    };
    keep(socket);
    if (request.headers['proxy-authorization'] !== expected) {
      asked.add('refused');
      socket.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\n' +
          'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n',
      );
      return;
    }
    const address = request.url ?? '';
    asked.add(address);
    const port = routes[address.replace(/:443$/, '')];
    if (!port) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const upstream = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    keep(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = /** @type {AddressInfo} */ (server.address());
  return {
    /** Without its user and password. */
    url: `http://127.0.0.1:${port}`,
    urlWithPassword: `http://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    /** The strings that no output may contain. */
    secrets: [password, encodeURIComponent(password), expected.split(' ')[1]],
    /** The requested addresses; `refused` for requests without the password. */
    asked: () => [...asked].sort(),
  };
}

exports.startConnectProxy = startConnectProxy;
