'use strict';

// Results that Nx finds in its local cache, observed in the real Nx's cache.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { LocalHits } = require('../lib/local-hits');
const { fakeServer, runAsNx, temporaryFolder } = require('./fixture');
const { until } = require('./hand-over-fixture');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * A server that records local hits. `busy`: it reads nothing for so many milliseconds after
 * `initialize`.
 *
 * @param {FakeServer} server
 * @param {{ log: string, changes: object, busy?: number }} args
 */
function listener(server, { log, changes, busy = 0 }) {
  const { appendFileSync } = require('node:fs');
  server.on('initialize', (_, respond) => {
    respond.result(server.hello(changes));
    const wait = new Int32Array(new SharedArrayBuffer(4));
    setImmediate(() => Atomics.wait(wait, 0, 0, busy));
  });
  server.on('localHits', (params) =>
    appendFileSync(log, `${JSON.stringify(params)}\n`),
  );
}

/**
 * Does what Nx does in a run whose results are in the local cache, and exits in the same turn
 * of the event loop.
 *
 * @param {Nx} nx
 */
async function run({ getRemoteCache, packageFolder, cacheDirectory }) {
  const { createRequire } = require('node:module');
  const { DbCache } = createRequire(`${packageFolder}/`)(
    'nx/src/tasks-runner/cache',
  );
  const task = (/** @type {string} */ hash) => ({
    id: `${hash}:build`,
    hash,
    target: { project: hash, target: 'build' },
    outputs: [`dist/${hash}`],
  });
  const local = new Map([
    ['1', { code: 0, terminalOutput: 'done', size: 10 }],
    ['2', { code: 0, terminalOutput: 'done' }],
    ['3', { code: 1, terminalOutput: 'failed', size: 10 }],
    ['4', { code: 0, terminalOutput: 'done', size: 'many' }],
  ]);
  const get = (/** @type {string} */ hash) => local.get(hash) ?? null;
  const cache = Object.create(DbCache.prototype);
  cache.cache = {
    cacheDirectory,
    get,
    getBatch: (/** @type {string[]} */ hashes) => hashes.map(get),
    put: () => ({ expandedOutputs: [], files: [], outputsBelowALink: [] }),
  };
  cache.getRemoteCache = getRemoteCache;
  await cache.init();
  await cache.get(task('1'));
  await cache.put(task('5'), '', [], 0);
  local.set('5', { code: 0, terminalOutput: '', size: 1 }); // as a second run finds it
  await cache.getBatch(['1', '2', '3', '4', '5', '6'].map(task));
  return cacheDirectory;
}

describe('local hits', { concurrency: 3 }, () => {
  for (const tasks of [false, true]) {
    test(`are sent at the end if the server wants them${tasks ? ', with their tasks' : ''}`, async (t) => {
      const log = path.join(temporaryFolder(t), 'log');
      const changes = { backfill: true, tasks };
      const binary = fakeServer(t, listener, { log, changes });
      const { lines, report } = await runAsNx(t, run, { binary, exit: 0 });
      assert.deepEqual(lines, []);
      await until(() => fs.existsSync(log));
      const about = (/** @type {string} */ hash) => ({
        task: { project: hash, target: 'build' },
        outputs: [`dist/${hash}`],
      });
      assert.deepEqual(JSON.parse(fs.readFileSync(log, 'utf8')), {
        cacheDirectory: report,
        hits: [
          { hash: '1', size: 10, ...about('1') },
          { hash: '2', ...about('2') },
          { hash: '4', ...about('4') },
        ],
      });
    });
  }

  test('are not sent otherwise', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, changes: {} });
    await runAsNx(t, run, { binary, exit: 0 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(!fs.existsSync(log));
  });

  for (const [name, changes, part] of /** @type {const} */ ([
    [
      "on a developer's machine",
      {},
      '3 local hits (not compared with the remote cache: see azure.backfill, NXAC112)',
    ],
    [
      'in another scope',
      { scope: 'trusted' },
      '3 local hits (not compared with the remote cache, NXAC112)',
    ],
    [
      'with azure.backfill',
      { backfill: true },
      '3 local hits (stored next if the remote cache lacks them)',
    ],
  ])) {
    test(`are in the summary line ${name}`, async (t) => {
      const log = path.join(temporaryFolder(t), 'log');
      const binary = fakeServer(t, listener, { log, changes });
      const env = { NX_AZURE_CACHE_SUMMARY: '1' };
      const { lines } = await runAsNx(t, run, { binary, env, exit: 0 });
      assert.equal(lines.length, 1);
      assert.ok(lines[0].includes(`, ${part}, `), lines[0]);
    });
  }

  // The machine of a CI is busy at the end of a run, too.
  test('a message that does not fit into a pipe arrives at a busy server', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const changes = { backfill: true };
    const binary = fakeServer(t, listener, { log, changes, busy: 500 });
    await runAsNx(
      t,
      async ({ getRemoteCache, packageFolder, cacheDirectory }) => {
        const { createRequire } = require('node:module');
        const { DbCache } = createRequire(`${packageFolder}/`)(
          'nx/src/tasks-runner/cache',
        );
        const cache = Object.create(DbCache.prototype);
        const get = () => ({ code: 0, terminalOutput: '' });
        cache.cache = { cacheDirectory, get };
        cache.getRemoteCache = getRemoteCache;
        await cache.init();
        const outputs = ['x'.repeat(100)];
        const target = { project: 'a', target: 'b' };
        for (let hash = 1; hash <= 10_000; hash++) {
          await cache.get({ hash: String(hash), target, outputs });
        }
      },
      { binary, exit: 0 },
    );
    await until(() => fs.existsSync(log));
    const { hits } = JSON.parse(fs.readFileSync(log, 'utf8'));
    assert.equal(hits.length, 10_000);
  });

  // The first message fills the pipe. Another one would get into its body, and wait as long.
  test('nothing follows a message that a server does not read', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(
      t,
      (server, file) => {
        const { appendFileSync } = require('node:fs');
        server.on('initialize', (_, respond) => {
          respond.result(server.hello({ backfill: true }));
          process.stdin.pause();
          // It reads what is in the pipe, and the end, once Nx is gone.
          const { ppid } = process;
          setInterval(() => {
            if (process.ppid !== ppid) process.stdin.resume();
          }, 50);
        });
        server.on('localHits', () => appendFileSync(file, 'a message\n'));
        process.on('uncaughtException', (err) => {
          appendFileSync(file, `${err}\n`);
          process.exit(1);
        });
      },
      log,
    );
    const { lines } = await runAsNx(
      t,
      async ({ getRemoteCache, packageFolder, cacheDirectory }) => {
        const { createRequire } = require('node:module');
        const { DbCache } = createRequire(`${packageFolder}/`)(
          'nx/src/tasks-runner/cache',
        );
        const get = () => ({ code: 0, terminalOutput: '' });
        const outputs = ['x'.repeat(100)];
        const target = { project: 'a', target: 'b' };
        // As many as take 80 s if each waits until its time limit.
        for (let folder = 0; folder < 40; folder++) {
          const cache = Object.create(DbCache.prototype);
          const folderPath = `${cacheDirectory}/${folder}`;
          cache.cache = { cacheDirectory: folderPath, get };
          cache.getRemoteCache = getRemoteCache;
          await cache.init();
          const last = folder === 0 ? 10_000 : 1;
          for (let hash = 1; hash <= last; hash++) {
            await cache.get({ hash: `${folder}${hash}`, target, outputs });
          }
        }
      },
      { binary, exit: 0 },
    );
    assert.deepEqual(lines, []);
    assert.ok(!fs.existsSync(log), 'the server received something');
  });

  test('their number is limited', () => {
    const hits = new LocalHits();
    for (let i = 0; i < 20_001; i++) {
      hits.add({ hash: String(i), cacheDirectory: 'a' });
    }
    assert.equal(hits.count, 20_000);
  });
});
