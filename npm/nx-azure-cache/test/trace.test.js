'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { fakeServer, runAsNx, temporaryFolder } = require('./fixture');

/** @import { TestContext } from 'node:test' */
/** @import { Nx } from './fixture' */

/** @param {Nx} nx */
async function oneMiss({ open, cacheDirectory }) {
  return (await open()).retrieve('123', cacheDirectory);
}

/**
 * @param {TestContext} t
 */
const server = (t) =>
  fakeServer(t, (server) =>
    server.on('initialize', (_, respond) =>
      respond.result(server.hello({ idleTimeout: 60_000 })),
    ),
  );

/**
 * @param {TestContext} t
 * @param {object} [azure]
 */
async function traced(t, azure = { container: 'nx-cache' }) {
  const file = path.join(temporaryFolder(t), 'trace');
  const { report, lines } = await runAsNx(t, oneMiss, {
    binary: server(t),
    env: { NX_AZURE_CACHE_TRACE: file },
    nxJson: JSON.stringify({ azure }),
  });
  assert.equal(report, null);
  assert.deepEqual(lines, []);
  return file;
}

test('a trace contains every message, its direction and its time', async (t) => {
  const before = Date.now();
  const file = await traced(t);
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    entries.map(({ direction, message }) => [
      direction,
      message.method ?? Object.keys(message).sort().join(),
      message.id,
    ]),
    [
      ['>', 'initialize', 0],
      ['<', 'id,jsonrpc,result', 0],
      ['>', 'retrieve', 1],
      ['<', 'id,jsonrpc,result', 1],
    ],
  );
  assert.deepEqual(entries[0].message.params.config, { container: 'nx-cache' });
  for (const { time, pid } of entries) {
    assert.ok(time >= before && time <= Date.now());
    assert.equal(pid, entries[0].message.params.processId);
  }
  if (process.platform !== 'win32') {
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  }
});

test('a trace does not contain a misplaced secret', async (t) => {
  const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ';
  const file = await traced(t, {
    container: 'nx-cache',
    accountName: `AccountName=a;AccountKey=${secret}==`,
    endpoint: `https://a.blob.core.windows.net/?sig=${secret}`,
    [`key=${secret}`]: 1,
    clientSecret: `${secret}~`,
    license: secret.repeat(5),
    timeouts: { drain: `${secret}=` },
    list: [`${secret};`],
  });
  const text = fs.readFileSync(file, 'utf8');
  assert.ok(!text.includes(secret), text);
  assert.match(text, /"accountName":"a string of \d+ characters"/);
  assert.match(text, /"container":"nx-cache"/);
});

test('an unwritable trace changes nothing', async (t) => {
  const { report, lines } = await runAsNx(t, oneMiss, {
    binary: server(t),
    env: { NX_AZURE_CACHE_TRACE: path.join(temporaryFolder(t), 'no/where') },
  });
  assert.equal(report, null);
  assert.deepEqual(lines, []);
});
