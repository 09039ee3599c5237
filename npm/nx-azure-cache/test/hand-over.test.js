'use strict';

// How the record of a run gets to the server when the process exits, observed in the real
// Nx's cache.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { handOver } = require('../lib/hand-over');
const {
  assertOneLine,
  fakeServer,
  runAsNx,
  temporaryFolder,
} = require('./fixture');
const { run, server, until } = require('./hand-over-fixture');

/** @import { Nx } from './fixture' */

/** @param {any[][]} heard */
const ended = (heard) => heard.filter(([what]) => what === 'runEnded');

/** @param {any} record */
const statuses = ({ tasks }) =>
  Object.fromEntries(
    tasks.map((/** @type {any} */ { id, status }) => [id, status]),
  );

const signalArrives = `
  process.on('SIGTERM', () => {});
  process.emit('SIGTERM');`;

/** The server ends, and Nx exits before it can notice. */
const serverEnds = `
  const fs = require('node:fs');
  process.kill(Number(fs.readFileSync(pids, 'utf8')), 'SIGTERM');
  while (!fs.existsSync(closed));`;

/**
 * Like `run`, until `code` ends it.
 *
 * @param {string} code
 */
const runUntil = (code) =>
  /** @type {(nx: Nx, files?: object) => Promise<void>} */ (
    /** @type {unknown} */ (
      `async (nx, { pids, closed } = {}) => {
        await (${run})(nx);
        ${code}
      }`
    )
  );

describe('the record of a run', { concurrency: 3 }, () => {
  test('is handed over when the process exits, before it waits', async (t) => {
    const { binary, heard } = server(t);
    const env = { NX_AZURE_CACHE_SUMMARY: '1' };
    await runAsNx(t, run, { binary, env, exit: 0 });
    await until(() => ended(heard()).length > 0);
    const log = heard();
    assert.deepEqual(log[0], ['store', 'h-built', 500]);
    const [, session, modes, record, rest] = ended(log)[0];
    assert.equal(session, '4711-fake');
    assert.deepEqual(modes, [0o700, 0o600]);
    assert.deepEqual(rest, {});
    const { started, ended: end, waited, ...content } = record;
    assert.ok(started <= end && waited <= end - started);
    const times = { started: 1_000, ended: 1_500 };
    const cache = true;
    assert.deepEqual(content, {
      names: [
        'command',
        'local:files',
        'built:files',
        'red:files',
        'uncached:files',
      ],
      inputs: [
        ...[0, 1, 2, 3, 4].map((name) => [name, name === 0 ? '1' : '2']),
      ],
      tasks: [
        {
          id: 'local',
          hash: 'h-local',
          status: 'local-cache',
          cache,
          inputs: [0, 1],
        },
        {
          id: 'built',
          hash: 'h-built',
          status: 'success',
          cache,
          ...times,
          inputs: [0, 2],
        },
        {
          id: 'red',
          hash: 'h-red',
          status: 'failure',
          cache,
          ...times,
          inputs: [0, 3],
        },
        {
          id: 'uncached',
          hash: 'h-uncached',
          status: 'success',
          cache: false,
          ...times,
          inputs: [0, 4],
        },
      ],
    });
  });

  // The server makes the record when it has handled what came before.
  test('is handed over after local hits, as the last message', async (t) => {
    const changes = { records: true, recordAwaited: true, backfill: true };
    const { binary, heard } = server(t, changes);
    await runAsNx(t, run, { binary, exit: 0 });
    await until(() => ended(heard()).length > 0 && heard().length > 3);
    const messages = heard().map(([what]) => what);
    assert.deepEqual(
      messages.filter((what) => what !== 'drain'),
      ['store', 'localHits', 'runEnded'],
    );
  });

  test('is not handed over to a server that does not want it', async (t) => {
    const { binary, heard } = server(t, {});
    const { cacheDirectory } = await runAsNx(t, run, { binary, exit: 0 });
    assert.deepEqual(heard(), [['store', 'h-built', null], ['drain']]);
    const folder = path.join(cacheDirectory, '.nx-azure-cache', '4711-fake');
    assert.ok(!fs.existsSync(path.join(folder, 'run.json')));
  });

  test('is handed over by a run that never asked the remote cache', async (t) => {
    const { binary, heard } = server(t);
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
        await cache.get({ id: 'a', hash: '1', cache: true });
      },
      { binary, exit: 0 },
    );
    await until(() => heard().length > 0);
    const [[, , , record]] = ended(heard());
    assert.deepEqual(statuses(record), { a: 'local-cache' });
  });

  test('is not handed over by a run without tasks', async (t) => {
    const { binary, heard } = server(t);
    const open = async (/** @type {Nx} */ { open }) => void (await open());
    const { cacheDirectory } = await runAsNx(t, open, { binary, exit: 0 });
    assert.deepEqual(heard(), []);
    assert.deepEqual(fs.readdirSync(cacheDirectory), []);
  });

  test('has the tasks of its cache only', async (t) => {
    const { binary, heard } = server(t);
    await runAsNx(
      t,
      async ({ getRemoteCache, packageFolder, cacheDirectory }) => {
        const { createRequire } = require('node:module');
        const nx = createRequire(`${packageFolder}/`);
        const { DbCache } = nx('nx/src/tasks-runner/cache');
        const { CompositeLifeCycle } = nx('nx/src/tasks-runner/life-cycle');
        const { writeFileSync } = require('node:fs');
        const end = (/** @type {string} */ id) =>
          new CompositeLifeCycle([]).endTasks(
            [{ task: { id, hash: id }, status: 'success' }],
            {},
          );
        /** @param {() => unknown} getCache */
        const open = async (getCache) => {
          const cache = Object.create(DbCache.prototype);
          const get = () => ({ code: 0, terminalOutput: '' });
          cache.cache = { cacheDirectory, get };
          cache.getRemoteCache = getCache;
          await cache.init();
          return cache;
        };
        const caches = [];
        for (const session of ['first', 'second']) {
          const azure = { changes: { session } };
          writeFileSync('nx.json', JSON.stringify({ azure }));
          caches.push(await open(getRemoteCache));
          await caches.at(-1).get({ id: session, hash: session });
          await end(`batch of ${session}`);
        }
        await open(() => null); // a run without a remote cache
        await end('none');
        await caches[0].get({ id: 'late', hash: 'late' });
        await end('late');
        await end('second');
      },
      { binary, exit: 0 },
    );
    await until(() => ended(heard()).length > 1);
    /** @type {Record<string, object>} */
    const bySession = {};
    for (const [, session, , record] of ended(heard())) {
      bySession[session] = statuses(record);
    }
    assert.deepEqual(bySession, {
      first: {
        ...{ first: 'local-cache', 'batch of first': 'success' },
        late: 'success',
      },
      second: { second: 'success', 'batch of second': 'success' },
    });
  });

  for (const name of [
    ...['.nx-azure-cache', '.nx-azure-cache/4711-fake'],
    '.nx-azure-cache/4711-fake/run.json',
  ]) {
    for (const level of ['debug', undefined]) {
      test(`follows no link in place of ${name}, ${level}`, async (t) => {
        const { binary, heard } = server(t);
        const elsewhere = temporaryFolder(t);
        const workspace = temporaryFolder(t);
        const link = path.join(workspace, '.nx', 'cache', name);
        fs.mkdirSync(path.dirname(link), { recursive: true });
        const isFile = name.endsWith('json');
        fs.symlinkSync(isFile ? path.join(elsewhere, 'x') : elsewhere, link);
        const env = { NX_AZURE_CACHE_LOG: level };
        const { lines } = await runAsNx(t, run, {
          ...{ binary, env, workspace, exit: 0 },
        });
        const written = fs.readdirSync(elsewhere);
        assert.ok(!written.includes('run.json') && !written.includes('x'));
        assert.deepEqual(ended(heard()), []);
        if (level) assertOneLine(lines, ': there is no record of this run: ');
        else assert.deepEqual(lines, []);
      });
    }
  }

  // A signal to all processes of a run may have ended the server, which removes its folder.
  test('makes no folder after a signal', async (t) => {
    const { binary, heard } = server(t);
    const nx = runUntil(signalArrives);
    const { lines, cacheDirectory } = await runAsNx(t, nx, { binary, exit: 0 });
    assert.deepEqual(lines, []);
    assert.deepEqual(ended(heard()), []);
    assert.deepEqual(fs.readdirSync(cacheDirectory), []);
  });

  test('leaves nothing for a server that has ended', async (t) => {
    const closed = path.join(temporaryFolder(t), 'closed');
    const binary = fakeServer(
      t,
      (server, closed) => {
        const fs = require('node:fs');
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ records: true })),
        );
        process.on('SIGTERM', () => {
          fs.closeSync(0);
          fs.writeFileSync(closed, '');
          process.exit();
        });
      },
      closed,
    );
    const { lines, cacheDirectory } = await runAsNx(t, runUntil(serverEnds), {
      ...{ binary, exit: 0, args: { pids: `${binary}.pids`, closed } },
      env: { NX_AZURE_CACHE_LOG: 'debug' },
    });
    assertOneLine(lines, ': there is no record of this run: ');
    assert.deepEqual(fs.readdirSync(cacheDirectory), []);
  });

  test('follows a request that has no response', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(
      t,
      (server, log) => {
        const { appendFileSync } = require('node:fs');
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ records: true })),
        );
        server.on('retrieve', () => {});
        server.on('runEnded', () => appendFileSync(log, 'runEnded'));
      },
      log,
    );
    await runAsNx(t, retrieveWithoutEnd, { binary, args: 'h', exit: 0 });
    await until(() => fs.existsSync(log));
    assert.ok(fs.existsSync(log));
  });

  // The pipe has a part of the request. The rest would follow the notification.
  test('does not get into a request that the server has not read', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const workspace = temporaryFolder(t);
    const folder = path.join(
      ...[workspace, '.nx', 'cache', '.nx-azure-cache', '4711-fake'],
    );
    const binary = fakeServer(
      t,
      (server, { log, folder }) => {
        const { appendFileSync, existsSync } = require('node:fs');
        server.on('initialize', (_, respond) => {
          respond.result(server.hello({ records: true }));
          process.stdin.pause();
          // It reads again while Nx exits, so that the pipe has room for the notification.
          const { ppid } = process;
          setInterval(() => {
            const isExiting = existsSync(`${folder}/run.json`);
            if (isExiting || process.ppid !== ppid) process.stdin.resume();
          }, 5);
        });
        process.stdin.on('data', (data) => appendFileSync(log, data));
        server.on('retrieve', () => {});
        server.on('runEnded', () => {});
        process.on('uncaughtException', () => process.exit(1));
      },
      { log, folder },
    );
    const { lines } = await runAsNx(t, retrieveWithoutEnd, {
      ...{ binary, workspace, args: 'h'.repeat(1_000_000), exit: 0 },
    });
    assert.deepEqual(lines, []);
    assert.ok(!fs.readFileSync(log, 'utf8').includes('runEnded'));
    assert.ok(!fs.existsSync(folder));
  });
});

test('a path of the cache directory that is none costs the record only', () => {
  const client = /** @type {any} */ ({ ended: false });
  const record = /** @type {any} */ ({ size: 1, cacheDirectory: 5 });
  assert.equal(handOver(client, { session: 'a' }, record), undefined);
});

/**
 * Exits while a request waits for its response.
 *
 * @param {Nx} nx
 * @param {string} hash
 */
async function retrieveWithoutEnd(nx, hash) {
  const { createRequire } = require('node:module');
  const { DbCache } = createRequire(`${nx.packageFolder}/`)(
    'nx/src/tasks-runner/cache',
  );
  const cache = Object.create(DbCache.prototype);
  cache.cache = { cacheDirectory: nx.cacheDirectory, get: () => null };
  cache.getRemoteCache = nx.getRemoteCache;
  await cache.init();
  cache.get({ id: 'a', hash, cache: true }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 200));
}
