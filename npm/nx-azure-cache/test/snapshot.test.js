'use strict';

// What the server learns about a result's folder, and other runs about this run's tasks.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { plainOutputs, takeSnapshot } = require('../lib/snapshot');
const { fakeServer, runAsNx, temporaryFolder } = require('./fixture');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * A server that records the parameters of `store`.
 *
 * @param {FakeServer} server
 * @param {{ log: string, mode: string }} args
 */
function listener(server, { log, mode }) {
  const { writeFileSync } = require('node:fs');
  server.on('initialize', (_, respond) =>
    respond.result(server.hello({ mode })),
  );
  server.on('store', (params, respond) => {
    writeFileSync(log, JSON.stringify(params));
    respond.result({ queued: false, reason: '' });
  });
}

/**
 * Does what Nx does with a task. `DbCache.put` is real, but its native cache is not.
 * Right after `put`, another run empties the folder.
 *
 * @param {Nx} nx
 * @param {{ size: number }} args
 */
async function run(
  { getRemoteCache, packageFolder, cacheDirectory },
  { size },
) {
  const fs = require('node:fs');
  const path = require('node:path');
  const { createRequire } = require('node:module');
  const { DbCache } = createRequire(`${packageFolder}/`)(
    'nx/src/tasks-runner/cache',
  );
  const task = { id: 'a:build', hash: '123', cache: true };
  const folder = path.join(cacheDirectory, '123');
  /** @type {Record<string, any>} */
  const report = {};
  const cache = Object.create(DbCache.prototype);
  cache.cache = {
    cacheDirectory,
    getTaskOutputsPath: () => 'path',
    put() {
      fs.mkdirSync(path.join(folder, 'dist'), { recursive: true });
      const { ctimeNs, ino } = fs.lstatSync(folder, { bigint: true });
      report.changed = String(ctimeNs);
      report.inode = String(ino);
      return { expandedOutputs: [], files: [], outputsBelowALink: [] };
    },
  };
  cache.remoteCache = await getRemoteCache();
  const session = path.join(cacheDirectory, '.nx-azure-cache', '4711-fake');
  const notes = path.join(session, 'pending');
  const read = () => fs.existsSync(notes) && fs.readFileSync(notes, 'utf8');
  fs.mkdirSync(session, { recursive: true, mode: 0o700 });
  report.path = cache.temporaryOutputPath(task);
  cache.temporaryOutputPath({ hash: '9', cache: false });
  cache.temporaryOutputPath({ hash: '8', cache: true, continuous: true });
  report.begun = read();
  report.time = Date.now();
  const put = cache.put(task, 'x'.repeat(size), ['dist', 'lib'], 0);
  report.later = Date.now();
  // None of the client's code has run since `put` returned.
  fs.rmSync(folder, { recursive: true });
  fs.mkdirSync(folder);
  report.ended = read();
  await put;
  return report;
}

const isWindows = process.platform === 'win32';

describe('a snapshot', { concurrency: 2 }, () => {
  for (const [name, size] of Object.entries({ inline: 1, file: 300_000 })) {
    test(`is taken before anything is awaited: ${name}`, async (t) => {
      const log = path.join(temporaryFolder(t), 'log');
      const args = { log, mode: 'read-write' };
      const binary = fakeServer(t, listener, args);
      const { report, lines } = await runAsNx(t, run, {
        binary,
        args: { size },
      });
      assert.deepEqual(lines, []);
      const { snapshot } = JSON.parse(fs.readFileSync(log, 'utf8'));
      if (!isWindows) {
        assert.equal(snapshot.changed, report.changed);
        assert.equal(snapshot.inode, report.inode);
      }
      assert.ok(snapshot.time >= report.time && snapshot.time <= report.later);
    });
  }
});

describe('tasks of this run', () => {
  for (const mode of ['read-write', 'read-only']) {
    test(`are listed from begin to end: ${mode}`, async (t) => {
      const args = { log: path.join(temporaryFolder(t), 'log'), mode };
      const binary = fakeServer(t, listener, args);
      const { report } = await runAsNx(t, run, { binary, args: { size: 1 } });
      assert.equal(report.path, 'path', 'Nx gets its result');
      assert.equal(report.begun, '+123\n');
      assert.equal(report.ended, '+123\n-123\n');
    });
  }
});

/**
 * Does what Nx does with a failed task: without NX_CACHE_FAILURES it never calls `put`.
 *
 * @param {Nx} nx
 */
async function fail({ getRemoteCache, packageFolder, cacheDirectory }) {
  const fs = require('node:fs');
  const path = require('node:path');
  const { createRequire } = require('node:module');
  const require_ = createRequire(`${packageFolder}/`);
  const { DbCache } = require_('nx/src/tasks-runner/cache');
  const { CompositeLifeCycle } = require_('nx/src/tasks-runner/life-cycle');
  const cache = Object.create(DbCache.prototype);
  cache.cache = { cacheDirectory, getTaskOutputsPath: () => 'path' };
  await getRemoteCache();
  const session = path.join(cacheDirectory, '.nx-azure-cache', '4711-fake');
  fs.mkdirSync(session, { recursive: true, mode: 0o700 });
  const [busy, idle] = ['1-aaaaaaaa', '2-bbbbbbbb'].map((name) =>
    path.join(cacheDirectory, '.nx-azure-cache', name),
  );
  for (const folder of [busy, idle]) fs.mkdirSync(folder);
  fs.writeFileSync(path.join(busy, 'pending'), '+123\n');
  const task = { id: 'a:build', hash: '123', cache: true };
  cache.temporaryOutputPath(task);
  cache.temporaryOutputPath(task); // as Nx 24 does to write the terminal output
  /** @type {string[]} */
  const ended = [];
  const lifeCycle = new CompositeLifeCycle([
    { endTasks: (/** @type {any[]} */ [{ task }]) => ended.push(task.hash) },
  ]);
  const failure = { task, status: 'failure', code: 1, terminalOutput: '' };
  await lifeCycle.endTasks([failure], { groupId: 0 });
  const [notes, others] = [session, busy].map((folder) =>
    fs.readFileSync(path.join(folder, 'pending'), 'utf8'),
  );
  return { ended, notes, others, idle: fs.readdirSync(idle) };
}

test('a failed task is listed as ended', async (t) => {
  const { report, lines } = await runAsNx(t, fail, { binary: fakeServer(t) });
  assert.deepEqual(report.ended, ['123'], 'Nx gets its result');
  assert.equal(report.notes, '+123\n-123\n');
  assert.equal(report.others, '+123\n~123\n', 'it may have disturbed others');
  assert.deepEqual(report.idle, []);
  assert.deepEqual(lines, []);
});

/**
 * Does what Nx does with a hit, from its own cache and from ours.
 *
 * @param {Nx} nx
 */
async function restore({ getRemoteCache, packageFolder, cacheDirectory }) {
  const fs = require('node:fs');
  const path = require('node:path');
  const { createRequire } = require('node:module');
  const { DbCache } = createRequire(`${packageFolder}/`)(
    'nx/src/tasks-runner/cache',
  );
  const cache = Object.create(DbCache.prototype);
  const nothing = async () => {};
  cache.cache = {
    ...{ cacheDirectory, copyFilesFromCache: nothing },
    applyRemoteCacheResults: nothing,
  };
  await getRemoteCache();
  const other = path.join(cacheDirectory, '.nx-azure-cache', '1-aaaaaaaa');
  fs.mkdirSync(other, { recursive: true });
  fs.writeFileSync(path.join(other, 'pending'), '');
  await cache.copyFilesFromCache('1', {}, []);
  await cache.applyRemoteCacheResults({ hash: '2' }, { terminalOutput: '' });
  return fs.readFileSync(path.join(other, 'pending'), 'utf8');
}

test('a restored result disturbs other runs', async (t) => {
  const { report } = await runAsNx(t, restore, { binary: fakeServer(t) });
  assert.equal(report, '~1\n~2\n');
});

test('an output that exists only in the workspace', (t) => {
  const [workspaceRoot, cacheDirectory] = [1, 2].map(() => temporaryFolder(t));
  const make = (/** @type {string[]} */ ...parts) =>
    fs.mkdirSync(path.join(...parts), { recursive: true });
  make(workspaceRoot, 'dist', 'a');
  make(workspaceRoot, 'dist', 'b');
  make(cacheDirectory, '1', 'dist', 'a');
  const lacking = (/** @type {string[]} */ ...outputs) =>
    takeSnapshot('1', cacheDirectory, { workspaceRoot, outputs })?.lacking;
  assert.equal(lacking('dist/a'), undefined);
  assert.equal(lacking('dist/a', 'dist/b'), 'dist/b');
  assert.equal(lacking('dist/c'), undefined, 'it was not built');
  fs.writeFileSync(path.join(workspaceRoot, 'file'), '');
  const odd = { workspaceRoot, outputs: ['file/x', 'file/', 'dist/b'] };
  const seen = takeSnapshot('1', cacheDirectory, odd);
  assert.equal(seen?.lacking, 'dist/b', 'also behind what cannot be looked at');
  assert.equal(lacking(), undefined);
  const none = takeSnapshot('2', cacheDirectory, { workspaceRoot });
  assert.deepEqual(Object.keys(none ?? {}), ['time']);
});

test('an inode is unsigned, although Node reads it as signed', (t) => {
  if (isWindows) return t.skip('it is not said there');
  const inode = 2n ** 63n + 42n; // as ZFS, NFS and network file systems have them
  const cacheDirectory = temporaryFolder(t);
  fs.mkdirSync(path.join(cacheDirectory, '1'));
  const info = fs.lstatSync(cacheDirectory, { bigint: true });
  info.ino = BigInt.asIntN(64, inode);
  t.mock.method(fs, 'lstatSync', () => info);
  const snapshot = takeSnapshot('1', cacheDirectory, { workspaceRoot: '' });
  assert.equal(snapshot?.inode, String(inode));
});

test('outputs that are checked in the workspace', () => {
  /** @type {[unknown, string[]][]} */
  const cases = [
    [
      ['dist/a', 'dist/@s/b'],
      ['dist/a', 'dist/@s/b'],
    ],
    [['dist/a', '!dist/a/x'], []],
    [['dist/a', 'dist/*.js'], []],
    [['dist/a', 'dist/{b,c}'], []],
    [['dist/a', 'dist/(b)'], []],
    [['../a', '/etc', '', 'a/../../b', 'a'], ['a']],
    [undefined, []],
    [[1], []],
  ];
  for (const [outputs, plain] of cases) {
    assert.deepEqual(plainOutputs(outputs), plain);
  }
});
