'use strict';

// nx#37052: a connection error during an upload failed a run of 112 projects.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const {
  respondWith,
  cutRequest,
  loseResponse,
  on,
  onFirst,
} = require('../kit/http-faults');
const { tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { recordCalls } = require('./nx-calls');
const { assertUndisturbed } = require('./undisturbed');

/**
 * Asserts that Nx calls `store` once for each task. It would repeat a call that was rejected or
 * did not return.
 *
 * @param {ReturnType<typeof recordCalls>} spy
 */
function assertStoredOnce(spy) {
  const calls = spy.calls('store');
  assert.equal(new Set(calls.map(({ args }) => args[0])).size, tasks.length);
  assert.equal(calls.length, tasks.length);
  assert.deepEqual(
    calls.filter(({ error }) => error),
    [],
  );
}

for (const [name, fault] of Object.entries({
  cut_in_the_body: cutRequest,
  without_a_response: loseResponse,
  refused: respondWith(400, {}, '<h1>Bad Request</h1>'),
  too_large: respondWith(413),
})) {
  fullTest(`F04_every_upload_${name}`, async (t) => {
    const { machine, recorder } = await startFixture(t);
    const a = machine('a');
    const spy = recordCalls(a);
    recorder.fault = on('PUT', fault);
    await assertUndisturbed(a, { line: /remote cache/ });
    assertStoredOnce(spy);
  });
}

quickTest('F04_first_upload_cut_in_the_body', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const spy = recordCalls(a);
  recorder.fault = onFirst('PUT', cutRequest);
  await assertUndisturbed(a, { line: null });
  assertStoredOnce(spy);
  recorder.take();
  await assertUndisturbed(machine('b'), {
    line: null,
    status: 'remote-cache-hit',
  });
});

quickTest('F04_first_upload_without_a_response', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const spy = recordCalls(a);
  recorder.fault = onFirst('PUT', loseResponse);
  await assertUndisturbed(a, { line: null });
  assertStoredOnce(spy);
  assert.deepEqual(
    recorder.take().filter((request) => request.startsWith('PUT')),
    ['PUT 201', 'PUT 201', 'PUT 201', 'PUT 409'],
  );
});
