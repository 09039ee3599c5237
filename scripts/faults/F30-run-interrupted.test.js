'use strict';

// nx#35279, #32438: runs left processes behind, or spent minutes in exit handlers.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { gate, on } = require('../kit/http-faults');
const { build, runNx } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const {
  assertNoProcess,
  groupOf,
  nxOf,
  serverOf,
  signal,
} = require('../kit/processes');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { splitScreen, startOnTerminal } = require('./terminal');
const { assertNothingLeft } = require('./undisturbed');
const { shortTimeouts } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

/** How long the server may run: the drain limit of `shortTimeouts`, and time to end. */
const limit = 2_000 + patience / 2;

/** @type {Record<string, { end: (machine: Machine) => void, isQuick?: boolean }>} */
const ends = {
  'Ctrl-C': { end: (machine) => signal(-groupOf(nxOf(machine)), 'SIGINT') },
  'kill_-9_of_Nx': {
    end: (machine) => signal(nxOf(machine), 'SIGKILL'),
    isQuick: true,
  },
  SIGTERM_to_Nx: { end: (machine) => signal(nxOf(machine), 'SIGTERM') },
  SIGTERM_to_the_process_group: {
    end: (machine) => signal(-groupOf(nxOf(machine)), 'SIGTERM'),
    isQuick: true,
  },
  SIGHUP_to_the_process_group: {
    end: (machine) => signal(-groupOf(nxOf(machine)), 'SIGHUP'),
  },
};

for (const [name, { end, isQuick }] of Object.entries(ends)) {
  const runTest = isQuick ? quickTest : fullTest;
  for (const method of /** @type {const} */ (['GET', 'PUT'])) {
    (method === 'PUT' ? runTest : fullTest)(
      `F30_${name}_while_a_${method}_waits`,
      async (t) => {
        const { machine, recorder } = await startFixture(t);
        const azure = { timeouts: { ...shortTimeouts, firstByte: '60s' } };
        const a = machine('a', { azure, env: { BUILD_TIME: '3000' } });
        const requests = gate(method === 'GET' ? 1 : 2);
        recorder.fault = on(method, requests.fault);
        const run = a.npxNx(build);
        await requests.arrived;
        end(a);
        await run;
        await assertNothingLeft(a, limit);
        // Nothing that the interrupted run left disturbs the next one.
        requests.open();
        a.env.BUILD_TIME = '0';
        await runNx(a, build);
        await assertNothingLeft(a);
      },
    );
  }
}

fullTest('F30_accepted_results_are_stored_after_Ctrl-C', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  const a = machine('a', { env: { BUILD_TIME: '3000' } });
  const puts = gate(2);
  recorder.fault = on('PUT', puts.fault);
  // words and colors are done after 3 s, and site takes 3 s more.
  const run = a.npxNx(build);
  await puts.arrived;
  const server = await serverOf(a);
  signal(-groupOf(nxOf(a)), 'SIGINT');
  await sleep(200);
  assert.ok(fs.existsSync(`/proc/${server}`), 'the server keeps running');
  puts.open();
  await run;
  await assertNothingLeft(a, limit);
  const blobs = await listBlobs(shared().azurite, container);
  assert.equal(blobs.length, 2);
});

fullTest('F30_the_terminal_is_closed', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const azure = { timeouts: { ...shortTimeouts, firstByte: '60s' } };
  const a = machine('a', { azure, env: { BUILD_TIME: '3000' } });
  const puts = gate(2);
  recorder.fault = on('PUT', puts.fault);
  const { pid, ended } = startOnTerminal(a, build);
  await puts.arrived;
  // Killing the process that owns the terminal closes it.
  signal(pid, 'SIGKILL');
  await ended;
  await assertNothingLeft(a, limit);
});

fullTest('F30_quit_in_the_full-screen_UI', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const azure = { timeouts: { ...shortTimeouts, firstByte: '60s' } };
  const a = machine('a', { azure, env: { BUILD_TIME: '3000' } });
  const puts = gate(2);
  recorder.fault = on('PUT', puts.fault);
  const { drawn, ended, type } = startOnTerminal(a, build);
  await puts.arrived;
  const quit = setInterval(() => type('q'), 1_000);
  await ended;
  clearInterval(quit);
  assert.ok(splitScreen(drawn()).hasScreen);
  await assertNothingLeft(a, limit);
});

fullTest('F30_a_healthy_run_leaves_nothing', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a');
  await runNx(a, build);
  // Everything is stored when Nx ends, so the server ends right after it.
  await assertNoProcess(a, 500);
  await assertNothingLeft(a);
});
