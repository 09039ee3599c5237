'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { test } = require('node:test');
const { freePort } = require('./server');

test('a free port is none that the system gives to others', async (t) => {
  const port = await freePort();
  assert.ok(port >= 20_000 && port < 32_768, `${port}`);
  const server = net.createServer().listen(port, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
});
