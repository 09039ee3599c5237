'use strict';

// Which task a hash belongs to, observed in the real Nx's cache. The tests call its methods
// as Nx does; scripts/e2e covers whole runs.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { NxTasks } = require('../lib/tasks');
const {
  assertOneLine,
  copyShim,
  fakeServer,
  installed,
  runAsNx,
  temporaryFolder,
} = require('./fixture');

/** @import { TestContext } from 'node:test' */
/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * A server that needs tasks and records them.
 *
 * @param {FakeServer} server
 * @param {{ log: string, tasks: boolean }} args
 */
function listener(server, { log, tasks }) {
  const { appendFileSync } = require('node:fs');
  /** @type {(method: string, result: unknown) => void} */
  const respondWith = (method, result) =>
    server.on(method, ({ hash, task, outputs }, respond) => {
      const entry = [method, hash, task, outputs];
      appendFileSync(log, `${JSON.stringify(entry)}\n`);
      respond.result(result);
    });
  server.on('initialize', (_, respond) =>
    respond.result(server.hello({ tasks })),
  );
  respondWith('retrieve', null);
  respondWith('store', { queued: false, reason: '' });
}

/** @param {string} log of `listener` */
const heard = (log) =>
  fs.existsSync(log)
    ? fs
        .readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];

/**
 * Does what Nx does: it opens its own cache and looks up tasks.
 *
 * @param {Nx} nx
 */
async function run({ getRemoteCache, packageFolder, cacheDirectory }) {
  const { createRequire } = require('node:module');
  const { DbCache } = createRequire(`${packageFolder}/`)(
    'nx/src/tasks-runner/cache',
  );
  /** @param {string} id */
  const task = (id) => {
    const [project, target, configuration] = id.split(':');
    return {
      id,
      hash: `hash-${id}`,
      target: { project, target, configuration },
      outputs: [`dist/${project}`],
    };
  };
  const open = async () => {
    const cache = Object.create(DbCache.prototype);
    cache.cache = {
      cacheDirectory,
      get: () => null,
      getBatch: (/** @type {string[]} */ hashes) => hashes.map(() => null),
      put: () => ({ expandedOutputs: [], files: [], outputsBelowALink: [] }),
    };
    cache.getRemoteCache = getRemoteCache;
    await cache.init();
    return cache;
  };
  const cache = await open();
  await cache.get(task('a:build'));
  await cache.getBatch([task('b:test'), task('@c/d:test:ci')]);
  await cache.put(task('e:lint'), '', [], 0);
  const { get } = DbCache.prototype;
  const again = await open(); // as for a second run in this process
  await again.get(task('f:build'));
  return DbCache.prototype.get === get;
}

describe('tasks', { concurrency: 3 }, () => {
  test('are sent if the server needs them', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, tasks: true });
    const { report, lines } = await runAsNx(t, run, { binary });
    assert.deepEqual(lines, []);
    assert.equal(report, true, 'Nx is listened to twice');
    const ci = { project: '@c/d', target: 'test', configuration: 'ci' };
    assert.deepEqual(heard(log), [
      [
        'retrieve',
        'hash-a:build',
        { project: 'a', target: 'build' },
        ['dist/a'],
      ],
      ['retrieve', 'hash-b:test', { project: 'b', target: 'test' }, ['dist/b']],
      ['retrieve', 'hash-@c/d:test:ci', ci, ['dist/@c/d']],
      ['store', 'hash-e:lint', { project: 'e', target: 'lint' }, ['dist/e']],
      [
        'retrieve',
        'hash-f:build',
        { project: 'f', target: 'build' },
        ['dist/f'],
      ],
    ]);
  });

  test('are otherwise sent with results only; outputs are sent for an Nx that rejects links', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, tasks: false });
    const { lines } = await runAsNx(t, run, { binary });
    assert.deepEqual(lines, []);
    assert.deepEqual(heard(log), [
      ['retrieve', 'hash-a:build', null, ['dist/a']],
      ['retrieve', 'hash-b:test', null, ['dist/b']],
      ['retrieve', 'hash-@c/d:test:ci', null, ['dist/@c/d']],
      ['store', 'hash-e:lint', { project: 'e', target: 'lint' }, ['dist/e']],
      ['retrieve', 'hash-f:build', null, ['dist/f']],
    ]);
  });

  test('outputs are not sent for an Nx that accepts all links', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const folder = copyShim(t, {
      ...installed,
      nx: fakeNx(t, 'exports.DbCache = class { get() {} put() {} }', '23.3.2'),
    });
    const binary = fakeServer(t, listener, { log, tasks: false });
    const { lines } = await runAsNx(
      t,
      async ({ open, packageFolder, cacheDirectory }) => {
        const { createRequire } = require('node:module');
        const { DbCache } = createRequire(`${packageFolder}/`)(
          'nx/src/tasks-runner/cache',
        );
        const cache = await open();
        const target = { project: 'a', target: 'build' };
        new DbCache().get({ hash: '123', target, outputs: ['dist'] });
        await cache.retrieve('123', cacheDirectory);
      },
      { folder, binary },
    );
    assert.deepEqual(lines, []);
    assert.deepEqual(heard(log), [['retrieve', '123', null, null]]);
  });

  test('another version of this package that observes Nx, too, changes nothing', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, tasks: true });
    const { report, lines } = await runAsNx(
      t,
      async ({ getRemoteCache, packageFolder }) => {
        const { createRequire } = require('node:module');
        const { DbCache } = createRequire(`${packageFolder}/`)(
          'nx/src/tasks-runner/cache',
        );
        // Its NxTasks has other methods.
        for (const version of ['', ' 0.0.1']) {
          const name = Symbol.for(`nx-azure-cache.nx-tasks${version}`);
          DbCache.prototype[name] = { about: () => ({}) };
        }
        return (await getRemoteCache()) !== null;
      },
      { binary },
    );
    assert.deepEqual(lines, []);
    assert.equal(report, true);
  });

  test('an Nx 24 that cannot be observed has a cache', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const folder = copyShim(t, { ...installed, nx: fakeNx(t) });
    const binary = fakeServer(t, listener, { log, tasks: false });
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        await (await open()).retrieve('123', cacheDirectory);
      },
      { folder, binary },
    );
    assert.deepEqual(lines, []);
    assert.deepEqual(heard(log), [['retrieve', '123', null, null]]);
  });

  test("a program without Nx's cache does not load it", async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, tasks: false });
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        await (await open()).retrieve('123', cacheDirectory);
        const { sep } = require('node:path');
        const Module = require('node:module');
        const part = ['', 'tasks-runner', ''].join(sep);
        // The empty one of runAsNx is no Module.
        return Object.keys(require.cache).filter(
          (file) =>
            file.includes(part) && require.cache[file] instanceof Module,
        );
      },
      { binary },
    );
    assert.deepEqual(report, []);
    assert.deepEqual(heard(log), [['retrieve', '123', null, null]]);
  });

  test('a result without a known task is neither stored nor restored', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, tasks: true });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, packageFolder, cacheDirectory }) => {
        const cache = await open();
        const { createRequire } = require('node:module');
        const { DbCache } = createRequire(`${packageFolder}/`)(
          'nx/src/tasks-runner/cache',
        );
        const local = { cache: { get: () => null } };
        // A future Nx may look up anything else.
        for (const task of [
          undefined,
          { hash: '123' },
          { hash: '123', target: { project: 'a' } },
          { hash: '', target: { project: 'a', target: 'b' } },
        ]) {
          await DbCache.prototype.get.call(local, task).catch(() => {});
        }
        return [
          await cache.retrieve('123', cacheDirectory),
          await cache.store('456', cacheDirectory, '', 0),
        ];
      },
      { binary },
    );
    assert.deepEqual(report, [null, false]);
    assert.deepEqual(heard(log), []);
    assertOneLine(lines, 'skipped for 123', 'azure.include or azure.exclude');
  });

  test('the line about it shortens a long hash', async (t) => {
    const log = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, listener, { log, tasks: true });
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).retrieve('1'.repeat(100_000), cacheDirectory),
      { binary },
    );
    assertOneLine(lines, 'skipped for 111', 'azure.include or azure.exclude');
    assert.ok(lines[0].length < 3_000, `${lines[0].length} characters`);
  });

  for (const [name, source, why] of /** @type {const} */ ([
    [
      'has no such module',
      undefined,
      "Cannot find module 'nx/src/tasks-runner/cache'",
    ],
    [
      'has another class',
      'exports.Cache = class {}',
      'its DbCache has no method get',
    ],
    [
      'has another method',
      'exports.DbCache = class { get() {} fetch() {} }',
      'its DbCache has no method put',
    ],
  ])) {
    test(`an Nx that ${name} has no cache, and one line`, async (t) => {
      const log = path.join(temporaryFolder(t), 'log');
      const folder = copyShim(t, { ...installed, nx: fakeNx(t, source) });
      const { report, lines } = await runAsNx(
        t,
        ({ getRemoteCache }) => getRemoteCache(),
        { folder, binary: fakeServer(t, listener, { log, tasks: true }) },
      );
      assert.equal(report, null);
      assertOneLine(
        lines,
        'the remote cache is off: azure.include and azure.exclude in nx.json',
        `Nx 99.0.0 does not provide (${why}): remove both`,
      );
      assert.deepEqual(heard(log), []);
    });
  }
});

test('only the newest hashes are remembered', () => {
  const tasks = new NxTasks();
  const target = { project: 'a', target: 'build' };
  const first = { hash: 'first', target };
  const second = { hash: 'second', target };
  tasks.addTask(first);
  tasks.addTask(second);
  for (let i = 0; i < 150_000; i++) {
    if (i % 50_000 === 0) tasks.addTask(first);
    tasks.addTask({ hash: String(i), target });
  }
  assert.equal(tasks.size, 100_000);
  assert.deepEqual(tasks.about('first').task, target);
  assert.deepEqual(tasks.about('149999').task, target);
  assert.equal(tasks.about('second').task, undefined);
});

/**
 * An Nx with another cache class.
 *
 * @param {TestContext} t
 * @param {string} [source] of its cache
 * @param {string} [version]
 */
function fakeNx(t, source, version = '99.0.0') {
  const folder = temporaryFolder(t);
  /** @type {(file: string, text: string) => void} */
  const write = (file, text) => {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  };
  write('package.json', JSON.stringify({ name: 'nx', version }));
  for (const name of [
    'utils/workspace-root',
    'config/nx-json',
    'utils/is-ci',
    'utils/fileutils',
  ]) {
    const real = require.resolve(`nx/src/${name}`);
    write(
      `src/${name}.js`,
      `module.exports = require(${JSON.stringify(real)});`,
    );
  }
  if (source) write('src/tasks-runner/cache.js', source);
  return folder;
}
