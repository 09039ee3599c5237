'use strict';

const assert = require('node:assert/strict');
const { quickTest: test } = require('../kit/tests');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const {
  assertStatus,
  build,
  ourLines,
  runNx,
  summary,
  tasks,
} = require('../kit/nx-runs');

const repeat = (/** @type {string} */ text) => tasks.map(() => text);

/** The requests of a developer's machine for each retrieve: in the trusted scope and in its own. */
const misses = [...repeat('GET 404'), ...repeat('GET 404')];
const hits = [...repeat('GET 206'), ...repeat('GET 404')];

// TestF11 in cmd/nx-azure-cache tests all other spellings.
test('F11: localMode read reads and never writes', async (t) => {
  const { machine, recorder } = await startFixture(t);
  // Nx hashes nx.json with every task, so the writer has the same settings.
  const azure = { localMode: 'read' };
  const reader = machine('reader', { azure });
  assert.deepEqual(await runNx(reader, build), []);
  assertStatus(reader, 'cache-miss');
  assert.deepEqual(recorder.take(), misses);

  const env = { NX_POWERPACK_CACHE_MODE: 'read-write' };
  await runNx(machine('writer', { azure, env }), build);
  recorder.take();
  reader.forget();
  assert.deepEqual(await runNx(reader, build), []);
  assertStatus(reader, 'remote-cache-hit');
  assert.deepEqual(recorder.take().sort(), hits);
});

test('no-cache sends no request and prints nothing', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const env = { NX_POWERPACK_CACHE_MODE: 'no-cache' };
  const a = machine('a', { env });
  assert.deepEqual(await runNx(a, build), []);
  assertStatus(a, 'cache-miss');
  assert.deepEqual(recorder.take(), []);
});

test('a read-only run counts the results that it does not store', async (t) => {
  const { machine } = await startFixture(t);
  const azure = { localMode: 'read-only' };
  const env = { NX_AZURE_CACHE_SUMMARY: '1' };
  const { code, output } = await machine('a', { azure, env }).nx(build);
  assert.equal(code, 0, output);
  const lines = ourLines(output);
  assert.equal(lines.length, 1, output);
  assert.match(lines[0], summary);
  assert.ok(
    lines[0].includes(
      ', 3 not stored (read-only by azure.localMode, NXAC111), ',
    ),
    lines[0],
  );
});

test('in CI, and with NX_VERBOSE_LOGGING, a run prints one summary line', async (t) => {
  const { container, machine } = await startFixture(t);
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

test('an unknown CI reads the trusted scope, stores nothing, and reports that', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const lines = await runNx(machine('a', { env: { CI: 'true' } }), build);
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /stores nothing in this run: .*NX_AZURE_CACHE_REF/);
  assert.deepEqual(recorder.take(), repeat('GET 404'));
});
