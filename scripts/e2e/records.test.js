'use strict';

// The record of a run: what it says, where it is stored, and that it disturbs no run.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { duration } = require('../../npm/nx-azure-cache/lib/printable');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { gate } = require('../kit/http-faults');
const {
  assertStatus,
  build,
  ourLines,
  runNx,
  summary,
  tasks,
} = require('../kit/nx-runs');
const {
  draining,
  groupOf,
  nxOf,
  serversGone,
  signal,
} = require('../kit/processes');
const {
  inputsOf,
  isRecord,
  lastRunFile,
  lastRunRecord,
  outcomes,
  storedRecords,
  taskIn,
} = require('../kit/run-records');
const { shared } = require('../kit/shared');
const { quickTest: test } = require('../kit/tests');

/** @import { Machine } from '../kit/machine' */
/** @import { Fault } from '../kit/fault-proxy' */

const all = (/** @type {string} */ outcome) =>
  Object.fromEntries(tasks.map((task) => [task, outcome]));

/** What the summary line says of the time that hits saved without what Nx waited. */
const netSaved = (/** @type {number} */ net) =>
  net >= 100 ? ` saved ${duration(net)}` : '';

/** The default, which the fixture replaces. */
const azure = { records: 'ci' };

/**
 * The record that stays on a machine, once its server is done.
 *
 * @param {Machine} machine
 */
async function lastRun(machine) {
  await serversGone(machine);
  const record = lastRunRecord(machine);
  assert.ok(record, 'there is no record of the last run');
  return record;
}

/**
 * A fault for the uploads of records only.
 *
 * @param {Fault} fault
 * @returns {Fault}
 */
const onRecords = (fault) => (exchange) => {
  const { method, path } = exchange;
  const name = decodeURIComponent(path.split('?')[0]);
  return method === 'PUT' && isRecord(name) ? fault(exchange) : exchange.pass();
};

test('a run in CI stores one record in its scope, and the hits of the next one say what they saved', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  const env = { ...onMain, BUILD_TIME: '700' };
  const a = machine('a', { azure, env });
  assert.deepEqual(await runNx(a, build), []);
  const records = await storedRecords(shared().azurite, container);
  const [[name, first], ...more] = Object.entries(records);
  assert.deepEqual(more, []);
  assert.match(name, /^v1\/trusted\/runs\//);
  assert.deepEqual(await lastRun(a), first, 'the same record stays here');
  assert.deepEqual(outcomes(first), all('stored'));
  assert.equal(first.scope, 'trusted');
  assert.equal(first.ci, true);
  assert.deepEqual([first.totals.hits, first.totals.misses], [0, 3]);
  for (const id of tasks) {
    const { hash, ran = 0 } = taskIn(first, id);
    assert.equal(hash, a.lastRun()[id].hash);
    assert.ok(ran >= 700 && ran < 60_000, `${id} ran for ${ran} ms`);
    assert.ok('command' in (inputsOf(first, id) ?? {}));
  }
  const puts = recorder.take().filter((text) => text.startsWith('PUT'));
  assert.deepEqual(puts, Array(tasks.length + 1).fill('PUT 201'));

  const b = machine('b', { azure, env });
  const { code, output } = await b.nx(build);
  assert.equal(code, 0, output);
  assertStatus(b, 'remote-cache-hit');
  const [line, ...others] = ourLines(output);
  assert.deepEqual(others, []);
  assert.match(line, summary);
  const second = await lastRun(b);
  assert.deepEqual(outcomes(second), all('remote-hit'));
  let saved = 0;
  for (const id of tasks) {
    const task = taskIn(second, id);
    assert.equal(task.from, 'trusted');
    assert.equal(task.saved, taskIn(first, id).ran);
    assert.deepEqual(inputsOf(second, id), inputsOf(first, id));
    saved += Number(task.saved);
  }
  assert.equal(second.totals.saved, saved);
  const waited = Number(/ ([\d.]+) s waited/.exec(line)?.[1]) * 1000;
  const [, net = ''] = /: 3 hits( saved [^,]+)?, /.exec(line) ?? [];
  // The line has tenths of a second.
  const nets = [-51, 0, 51].map((less) => netSaved(saved - waited - less));
  assert.ok(nets.includes(net), `${line}\nwant one of ${nets.join()}`);
  // Lookups, and one request for the record.
  const requests = [...tasks.map(() => 'GET 206'), 'PUT 201'];
  assert.deepEqual(recorder.take(), requests);
});

test("a developer's run leaves its record on the machine only", async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  const a = machine('a', { azure });
  assert.deepEqual(await runNx(a, build), []);
  const first = await lastRun(a);
  assert.deepEqual(outcomes(first), all('stored'));
  assert.deepEqual([first.scope, first.ci], ['local', false]);
  assert.match(first.source.commit, /^[0-9a-f]{40}$/);
  recorder.take();
  // All results are in the local cache, so Nx asks the remote cache nothing.
  assert.deepEqual(await runNx(a, build), []);
  const second = await lastRun(a);
  assert.deepEqual(outcomes(second), all('local-hit'));
  assert.notEqual(second.session, first.session);
  assert.equal(second.totals.localHits, 3);
  assert.deepEqual(
    inputsOf(second, 'site:build'),
    inputsOf(first, 'site:build'),
  );
  assert.deepEqual(recorder.take(), []);
  assert.deepEqual(await storedRecords(shared().azurite, container), {});
  assert.equal(fs.statSync(lastRunFile(a)).mode & 0o777, 0o600);
});

test('azure.records "all" and "none", and a read-only run', async (t) => {
  const { container, machine } = await startFixture(t);
  for (const [name, options, scope] of /** @type {const} */ ([
    ['all', { azure: { records: 'all' } }, 'local'],
    ['none', { azure: { records: 'none' }, env: onMain }, undefined],
    [
      'read-only',
      { azure: { ...azure, ciMode: 'read' }, env: onMain },
      undefined,
    ],
    ['unknown-ci', { azure, env: { CI: 'true' } }, undefined],
  ])) {
    const before = await storedRecords(shared().azurite, container);
    const a = machine(name, options);
    await runNx(a, build);
    const record = await lastRun(a);
    assert.equal(record.tasks.length, tasks.length, name);
    const after = await storedRecords(shared().azurite, container);
    const added = Object.keys(after).filter((blob) => !before[blob]);
    assert.deepEqual(
      added.map((blob) => blob.split('/')[1]),
      scope ? [scope] : [],
      name,
    );
    if (name === 'read-only') {
      assert.deepEqual(outcomes(record), all('read-only'));
    }
  }
});

test('a failed task and those after it are in the record', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { azure });
  fs.writeFileSync(`${a.workspace}/words/source.json`, 'broken');
  await runNx(a, build, { code: 1 });
  const record = await lastRun(a);
  const { 'site:build': site, ...others } = outcomes(record);
  assert.deepEqual(others, {
    ...{ 'colors:build': 'stored', 'words:build': 'failed' },
  });
  assert.ok([undefined, 'not-run'].includes(site), site);
});

test('a storage that refuses the record causes one line', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  recorder.fault = onRecords(({ response, request }) => {
    request.resume();
    response.writeHead(403, { 'x-ms-error-code': 'AuthorizationFailure' });
    response.end();
  });
  const a = machine('a', { azure, env: onMain });
  const lines = await runNx(a, build);
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /the record of this run is not stored: /);
  assert.deepEqual(outcomes(await lastRun(a)), all('stored'));
  assert.deepEqual(await storedRecords(shared().azurite, container), {});
});

test('a storage that fails altogether causes no second line', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = ({ response, request }) => {
    request.resume();
    response.writeHead(403, { 'x-ms-error-code': 'AuthorizationFailure' });
    response.end();
  };
  const a = machine('a', { azure, env: onMain });
  const lines = await runNx(a, build);
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.doesNotMatch(lines[0], /record of this run/);
});

test('Ctrl-C while the record is stored ends the wait, and is no problem', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  const puts = gate(1);
  recorder.fault = onRecords(puts.fault);
  const a = machine('a', { azure, env: onMain });
  const run = a.nx(build);
  await puts.arrived;
  await draining(a);
  signal(-groupOf(nxOf(a)), 'SIGINT');
  const { output } = await run;
  assert.doesNotMatch(output, /record of this run|still being stored/);
  puts.open();
  await serversGone(a);
  const records = await storedRecords(shared().azurite, container);
  assert.equal(Object.keys(records).length, 1);
});

test('Ctrl-C in the middle of a run leaves a record of what it did', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const puts = gate(2);
  recorder.fault = (exchange) =>
    exchange.method === 'PUT' ? puts.fault(exchange) : exchange.pass();
  const a = machine('a', { azure });
  // site, which depends on words and colors, runs until the signal.
  fs.appendFileSync(
    `${a.workspace}/tools/build.js`,
    "if (project === 'site') setInterval(() => {}, 1000);\n",
  );
  const run = a.nx(build);
  await puts.arrived;
  signal(-groupOf(nxOf(a)), 'SIGINT');
  puts.open();
  const { output } = await run;
  assert.deepEqual(ourLines(output), []);
  const { 'site:build': site, ...others } = outcomes(await lastRun(a));
  assert.deepEqual(others, {
    ...{ 'colors:build': 'stored', 'words:build': 'stored' },
  });
  assert.ok([undefined, 'not-run'].includes(site), site);
});
