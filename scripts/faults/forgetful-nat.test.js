'use strict';

// Some NATs and firewalls silently forget idle connections, and drop their later packets.

const assert = require('node:assert/strict');
const net = require('node:net');
const { once } = require('node:events');
const { connectionString } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { fullTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

/** @import { TestContext } from 'node:test' */
/** @import { AddressInfo, Socket } from 'node:net' */

/** How long the NAT remembers an idle connection, in milliseconds. */
const memory = 1000;

/**
 * Starts a NAT in front of a port.
 *
 * @param {TestContext} t
 * @param {number} to a port of this machine
 */
async function startNat(t, to) {
  /** @type {Set<Socket>} */
  const sockets = new Set();
  const nat = { port: 0, forgotten: 0 };
  const server = net.createServer((client) => {
    const upstream = net.connect(to, '127.0.0.1');
    let last = Date.now();
    let isForgotten = false;
    const isKnown = () => {
      if (!isForgotten && Date.now() - last > memory) {
        isForgotten = true;
        nat.forgotten++;
      }
      last = Date.now();
      return !isForgotten;
    };
    for (const [from, into] of [
      [client, upstream],
      [upstream, client],
    ]) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('data', (bytes) => void (isKnown() && into.write(bytes)));
      from.on('end', () => void (isKnown() && into.end()));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  nat.port = /** @type {AddressInfo} */ (server.address()).port;
  return nat;
}

fullTest('forgetful-nat_loses_no_result', async (t) => {
  const fixture = await startFixture(t);
  const nat = await startNat(t, fixture.recorder.port);
  const env = {
    AZURE_STORAGE_CONNECTION_STRING: connectionString(nat.port),
    BUILD_TIME: String(3 * memory),
  };
  const azure = { timeouts: { firstByte: '2s' } };
  await assertUndisturbed(fixture.machine('a', { azure, env }), { line: null });
  assert.ok(nat.forgotten > 0, 'the NAT has forgotten nothing');
  const stored = fixture.recorder
    .take()
    .filter((request) => request === 'PUT 201');
  assert.equal(stored.length, 3);
});
