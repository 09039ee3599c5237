'use strict';

// Measured: a child dies while Nx waits for it, and the run ends green with
// nothing built.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { gate, on } = require('./faults');
const { serverOf, signal } = require('./processes');
const { assertUndisturbed, startWorld } = require('./world');

for (const name of /** @type {const} */ (['SIGKILL', 'SIGTERM'])) {
  test(`F01_${name}_while_reading`, async (t) => {
    const { machine, recorder } = await startWorld(t);
    const a = machine('a');
    const gets = gate();
    recorder.fault = on('GET', gets.fault);
    const line = /the cache process (was )?ended/;
    const run = assertUndisturbed(a, { line });
    await gets.arrived;
    assert.ok(signal(await serverOf(a), name));
    await run;
  });
}

test('F01_SIGKILL_while_writing', async (t) => {
  const { machine, recorder } = await startWorld(t);
  const a = machine('a');
  const puts = gate();
  recorder.fault = on('PUT', puts.fault);
  const run = assertUndisturbed(a, { line: /the cache process was ended/ });
  await puts.arrived;
  assert.ok(signal(await serverOf(a), 'SIGKILL'));
  await run;
});

test('F01_SIGKILL_between_two_calls', async (t) => {
  const { machine, recorder } = await startWorld(t);
  // The server is idle while this task runs.
  const a = machine('a', { env: { BUILD_TIME: '1500' } });
  const run = assertUndisturbed(a, { line: /the cache process was ended/ });
  recorder.fault = ({ pass, response }) => {
    response.on('finish', async () => signal(await serverOf(a), 'SIGKILL'));
    pass();
  };
  await run;
});
