'use strict';

// Measured: if the binary died while Nx waited for it, the run ended green with nothing
// built.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { gate, on } = require('../kit/http-faults');
const { tasks } = require('../kit/nx-runs');
const { serverOf, signal } = require('../kit/processes');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

const ended = /the cache process (was terminated by|exited with) /;

quickTest('F01_SIGKILL_while_reading', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const gets = gate();
  recorder.fault = on('GET', gets.fault);
  const run = assertUndisturbed(a, { line: ended, crashed: true });
  await gets.arrived;
  assert.ok(signal(await serverOf(a), 'SIGKILL'));
  await run;
});

fullTest('F01_SIGTERM_while_reading', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const gets = gate();
  recorder.fault = on('GET', gets.fault);
  const run = assertUndisturbed(a, { line: ended });
  await gets.arrived;
  assert.ok(signal(await serverOf(a), 'SIGTERM'));
  await run;
});

quickTest('F01_SIGKILL_while_writing', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const puts = gate();
  recorder.fault = on('PUT', puts.fault);
  const run = assertUndisturbed(a, { line: ended, crashed: true });
  await puts.arrived;
  assert.ok(signal(await serverOf(a), 'SIGKILL'));
  await run;

  // The next run removes leftovers and stores the missing results.
  puts.open();
  a.forget();
  await assertUndisturbed(a, { status: null });
});

fullTest('F01_SIGKILL_between_two_calls', async (t) => {
  const { machine, recorder } = await startFixture(t);
  // The server is idle while the tasks run.
  const a = machine('a', { env: { BUILD_TIME: '1500' } });
  // The server looks each task up in two scopes.
  const lookups = 2 * tasks.length;
  let responses = 0;
  recorder.fault = ({ pass, response }) => {
    response.on('finish', async () => {
      if (++responses === lookups) signal(await serverOf(a), 'SIGKILL');
    });
    pass();
  };
  await assertUndisturbed(a, { line: ended, crashed: true });
});
