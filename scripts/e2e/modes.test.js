'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const {
  assertStatus,
  build,
  onMain,
  runNx,
  startWorld,
  summary,
  tasks,
} = require('./world');

const repeat = (/** @type {string} */ text) => tasks.map(() => text);

/** What each retrieve of a developer's machine asks: the trusted scope, and its own. */
const misses = [...repeat('GET 404'), ...repeat('GET 404')];
const hits = [...repeat('GET 206'), ...repeat('GET 404')];

/** @typedef {{ azure?: Record<string, unknown>, env?: NodeJS.ProcessEnv }} Settings */

/**
 * The old name, and a run of CI. That all other spellings are these modes is tested
 * beside the reader of nx.json (TestF11 in cmd/nx-azure-cache).
 *
 * @type {Record<string, Settings>}
 */
const readOnly = {
  'localMode read': { azure: { localMode: 'read' } },
  'ciMode read-only': { azure: { ciMode: 'read-only' }, env: onMain },
};

for (const [name, settings] of Object.entries(readOnly)) {
  test(`F11: ${name} reads and sends no write`, async (t) => {
    const { machine, recorder } = await startWorld(t);
    const empty = machine('empty', settings);
    assert.deepEqual(await runNx(empty, build), []);
    assertStatus(empty, 'cache-miss');
    const isCI = settings.env?.CI === 'true';
    assert.deepEqual(recorder.take(), isCI ? repeat('GET 404') : misses);

    // The same nx.json, which is part of every task's hash.
    const env = { ...settings.env, NX_POWERPACK_CACHE_MODE: 'read-write' };
    await runNx(machine('writer', { ...settings, env }), build);
    recorder.take();
    const reader = machine('reader', settings);
    assert.deepEqual(await runNx(reader, build), []);
    assertStatus(reader, 'remote-cache-hit');
    assert.deepEqual(recorder.take().sort(), isCI ? repeat('GET 206') : hits);
  });
}

test('no-cache sends nothing and says nothing', async (t) => {
  const { machine, recorder } = await startWorld(t);
  const env = { NX_POWERPACK_CACHE_MODE: 'no-cache' };
  const a = machine('a', { env });
  assert.deepEqual(await runNx(a, build), []);
  assertStatus(a, 'cache-miss');
  assert.deepEqual(recorder.take(), []);
});

test('localMode does not matter in CI', async (t) => {
  const { machine, recorder } = await startWorld(t);
  const settings = { azure: { localMode: 'no-cache' }, env: onMain };
  assert.deepEqual(await runNx(machine('a', settings), build), []);
  assert.deepEqual(recorder.take(), [
    ...repeat('GET 404'),
    ...repeat('PUT 201'),
  ]);
});

test('in CI, and with NX_VERBOSE_LOGGING, one line sums up a run', async (t) => {
  const { container, machine } = await startWorld(t);
  for (const [env, numbers, scope] of /** @type {const} */ ([
    [onMain, ['0', '3', '3'], 'trusted (NX_AZURE_CACHE_REF: run of main)'],
    [{ NX_VERBOSE_LOGGING: 'true' }, ['3', '0', '0'], 'local (not in CI)'],
  ])) {
    const { code, output } = await machine(Object.keys(env)[0], { env }).nx(
      build,
    );
    assert.equal(code, 0, output);
    const lines = output.split('\n').filter((line) => summary.test(line));
    assert.equal(lines.length, 1, output);
    const [, hits, misses, , stored] = summary.exec(lines[0]) ?? [];
    assert.deepEqual([hits, misses, stored], numbers);
    assert.ok(lines[0].includes(`, scope ${scope}, http`), lines[0]);
    assert.ok(lines[0].endsWith(`/devstoreaccount1/${container}`), lines[0]);
  }
});

test('a CI that is not known reads what is trusted, stores nothing, and says so', async (t) => {
  const { machine, recorder } = await startWorld(t);
  const lines = await runNx(machine('a', { env: { CI: 'true' } }), build);
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /stores nothing in this run: .*NX_AZURE_CACHE_REF/);
  assert.deepEqual(recorder.take(), repeat('GET 404'));
});
