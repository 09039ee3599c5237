'use strict';

// nx#36640, #36651: the run printed a green summary and then hung forever.

const assert = require('node:assert/strict');
const { connectionString } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { drip, gate, on, silence } = require('../kit/http-faults');
const { build, runNx } = require('../kit/nx-runs');
const { startSaturatedServer } = require('../kit/saturated-server');
const { serverOf, signal } = require('../kit/processes');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');
const {
  buildLargeFile,
  setBuild,
  shortTimeouts,
  outputsWithoutCache,
} = require('./workspace');

/** @import { Machine } from '../kit/machine' */

const short = { azure: { timeouts: shortTimeouts } };

/** With the short drain limit, a PUT could time out at the same moment as the drain. */
const longDrain = { azure: { timeouts: { ...shortTimeouts, drain: '10s' } } };

for (const [method, runTest] of /** @type {const} */ ([
  ['GET', fullTest],
  ['PUT', fullTest],
  ['all', quickTest],
])) {
  runTest(`F05_silence_on_${method}`, async (t) => {
    const { machine, recorder } = await startFixture(t);
    recorder.fault = on(method, silence);
    await assertUndisturbed(machine('a', longDrain), { line: /remote cache/ });
  });
}

quickTest('F05_a_byte_a_minute', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  recorder.fault = on('GET', drip);
  await assertUndisturbed(machine('b', short), { line: /remote cache/ });
});

fullTest('F05_the_connection_dies_in_the_body', async (t) => {
  const { machine, toxiproxy } = await startFixture(t);
  await runNx(machine('a'), build);
  const proxy = await toxiproxy();
  // Nothing arrives after 2,000 bytes, and the connection stays open.
  await proxy.add('limit_data', 'downstream', { bytes: 2000 });
  await proxy.add('timeout', 'upstream', { timeout: 0 });
  const env = { AZURE_STORAGE_CONNECTION_STRING: proxy.connectionString };
  await assertUndisturbed(machine('b', { ...short, env }), {
    line: /remote cache/,
  });
});

fullTest('F05_silent_storage_with_the_default_timeouts', async (t) => {
  const fixture = await startFixture(t);
  const baselineStarted = performance.now();
  await outputsWithoutCache(fixture, () => {});
  const started = performance.now();
  fixture.recorder.fault = silence;
  await assertUndisturbed(fixture.machine('a'), { line: /remote cache/ });
  const ended = performance.now();
  const seconds = (ended - started - (started - baselineStarted)) / 1000;
  t.diagnostic(`a silent storage costs a run ${seconds.toFixed(1)} s`);
  assert.ok(seconds < 20);
});

fullTest('F05_no_connection_with_the_default_timeouts', async (t) => {
  const fixture = await startFixture(t);
  const baselineStarted = performance.now();
  await outputsWithoutCache(fixture, () => {});
  const started = performance.now();
  const saturated = connectionString(await startSaturatedServer(t));
  const env = { AZURE_STORAGE_CONNECTION_STRING: saturated };
  await assertUndisturbed(fixture.machine('a', { env }), {
    line: /remote cache/,
  });
  const ended = performance.now();
  const seconds = (ended - started - (started - baselineStarted)) / 1000;
  t.diagnostic(`no connection costs a run ${seconds.toFixed(1)} s`);
  assert.ok(seconds < 12);
});

fullTest('F05_a_slow_but_steady_transfer_succeeds', async (t) => {
  const fixture = await startFixture(t);
  const proxy = await fixture.toxiproxy();
  // 20 MB at 5 MB/s take four times as long as the `stall` limit. An upload may be in
  // buffers as a whole when the wait for its response begins.
  await proxy.add('bandwidth', 'upstream', { rate: 5_000 });
  await proxy.add('bandwidth', 'downstream', { rate: 5_000 });
  const timeouts = { stall: '1s', firstByte: '20s' };
  const env = { AZURE_STORAGE_CONNECTION_STRING: proxy.connectionString };
  const args = ['run', 'words:build'];
  const prepare = (/** @type {Machine} */ machine) =>
    setBuild(machine, buildLargeFile(20));
  const outputs = await outputsWithoutCache(fixture, prepare, args);
  for (const [name, status] of /** @type {const} */ ([
    ['a', 'cache-miss'],
    ['b', 'remote-cache-hit'],
  ])) {
    const machine = fixture.machine(name, { azure: { timeouts }, env });
    prepare(machine);
    const expected = { args, line: null, status: null, outputs };
    await assertUndisturbed(machine, expected);
    assert.equal(machine.lastRun()['words:build'].cacheStatus, status);
  }
});

for (const method of /** @type {const} */ (['GET', 'PUT'])) {
  fullTest(`F05_server_stopped_during_${method}`, async (t) => {
    const { machine, recorder } = await startFixture(t);
    const a = machine('a', short);
    const requests = gate();
    recorder.fault = on(method, requests.fault);
    const run = assertUndisturbed(a, { crashed: true });
    await requests.arrived;
    assert.ok(signal(await serverOf(a), 'SIGSTOP'));
    await run;
  });
}
