'use strict';

// What the server learns of a result's folder, and other runs of the tasks of this one.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { dropFailed, finish, followTasks } = require('./pending');
const { plainOutputs, takeSnapshot } = require('./snapshot');
const { fakeServer, play, temporaryFolder } = require('./testing/world');

/** @import { FakeServer } from './testing/fake-server' */
/** @import { Nx } from './testing/world' */

/**
 * A server that writes down the params of store.
 *
 * @param {FakeServer} server
 * @param {{ log: string, mode: string }} args
 */
function listener(server, { log, mode }) {
  const { writeFileSync } = require('node:fs');
  server.on('initialize', (_, answer) => answer.result(server.hello({ mode })));
  server.on('store', (params, answer) => {
    writeFileSync(log, JSON.stringify(params));
    answer.result({ queued: false, reason: '' });
  });
}

/**
 * What Nx does with a task; `DbCache.put` is the real one, around a native cache that is
 * not. At once after that another run empties the folder.
 *
 * @param {Nx} nx
 * @param {{ size: number }} args
 */
async function run({ getRemoteCache, shim, cacheDirectory }, { size }) {
  const fs = require('node:fs');
  const path = require('node:path');
  const { createRequire } = require('node:module');
  const { DbCache } = createRequire(`${shim}/`)('nx/src/tasks-runner/cache');
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
  // Nothing of the client has run since `put` has returned.
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
      const { report, lines } = await play(t, run, { binary, args: { size } });
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
    test(`are noted from their begin to their end: ${mode}`, async (t) => {
      const args = { log: path.join(temporaryFolder(t), 'log'), mode };
      const binary = fakeServer(t, listener, args);
      const { report } = await play(t, run, { binary, args: { size: 1 } });
      assert.equal(report.path, 'path', 'Nx gets what it has asked for');
      assert.equal(report.begun, '+123\n');
      assert.equal(report.ended, '+123\n-123\n');
    });
  }
});

test('a task that has failed is not noted for ever', (t) => {
  const cacheDirectory = temporaryFolder(t);
  const scratch = path.join(cacheDirectory, '.nx-azure-cache');
  const notes = (/** @type {string} */ session) =>
    path.join(scratch, session, 'pending');
  for (const session of ['1-aaaaaaaa', '2-bbbbbbbb', '3-cccccccc']) {
    fs.mkdirSync(path.join(scratch, session), { recursive: true });
  }
  fs.writeFileSync(notes('2-bbbbbbbb'), '+1\n+3\n');
  fs.writeFileSync(path.join(scratch, '2-bbbbbbbb.lock'), '');
  const { DbCache } = require('nx/src/tasks-runner/cache');
  followTasks((directory) =>
    path.join(directory, '.nx-azure-cache', '1-aaaaaaaa'),
  );
  const nx = Object.create(DbCache.prototype);
  nx.cache = { cacheDirectory, getTaskOutputsPath: () => 'path' };
  const tasks = ['1', '2', '3'].map((hash) => ({ hash, cache: true }));
  for (const task of tasks) nx.temporaryOutputPath(task);
  const read = (/** @type {string} */ session) =>
    fs.readFileSync(notes(session), 'utf8');
  Object.assign(tasks[0], { endTime: Date.now() - 20_000 });
  Object.assign(tasks[1], { endTime: Date.now() }); // Nx may have its result soon
  dropFailed();
  assert.equal(read('1-aaaaaaaa'), '+1\n+2\n+3\n-1\n');
  assert.equal(read('2-bbbbbbbb'), '+1\n+3\n~1\n');
  assert.equal(fs.existsSync(notes('3-cccccccc')), false);
  finish('2', 0);
  finish('3', 1); // a failure that is cached
  assert.equal(read('2-bbbbbbbb'), '+1\n+3\n~1\n~3\n');
  dropFailed();
  assert.equal(read('1-aaaaaaaa'), '+1\n+2\n+3\n-1\n-2\n-3\n');
});

test('an output that only the workspace has', (t) => {
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

test('outputs of which Nx copies each', () => {
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
