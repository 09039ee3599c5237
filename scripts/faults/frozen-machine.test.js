'use strict';

// While a laptop sleeps or a virtual machine is paused, no process runs, but clocks continue.

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { startFixture } = require('../kit/fixture');
const { processesOf, serverOf, signal } = require('../kit/processes');
const { gate, on, pass } = require('../kit/http-faults');
const { fullTest } = require('../kit/tests');
const { expectedOfMany, fillCache, remoteHits } = require('./remote-hits');
const { assertUndisturbed } = require('./undisturbed');
const { shortTimeouts } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

const tasks = 20;

/**
 * Stops all processes of a machine for a while.
 *
 * @param {Machine} machine
 * @param {number} milliseconds
 */
async function freeze(machine, milliseconds) {
  const stopped = processesOf(machine).map(({ pid }) => pid);
  for (const pid of stopped) signal(pid, 'SIGSTOP');
  await sleep(milliseconds);
  for (const pid of stopped) signal(pid, 'SIGCONT');
}

for (const method of /** @type {const} */ (['GET', 'PUT'])) {
  fullTest(`frozen-machine_during_a_${method}_loses_nothing`, async (t) => {
    const fixture = await startFixture(t);
    const azure = { timeouts: { ...shortTimeouts, drain: '20s' } };
    const count = method === 'GET' ? tasks : 1;
    const machine = await fillCache(fixture, count, { azure });
    if (method === 'PUT') await fixture.empty();
    const requests = gate();
    fixture.recorder.fault = on(method, requests.fault);
    const run = assertUndisturbed(machine, expectedOfMany(count, null));
    await requests.arrived;
    await serverOf(machine);
    const frozen = freeze(machine, 6000);
    fixture.recorder.fault = pass;
    // The responses arrive while no process can read them.
    await sleep(500);
    requests.open();
    await frozen;
    await run;
    if (method === 'GET') assert.equal(remoteHits(machine), tasks);
    else assert.ok(fixture.recorder.take().includes('PUT 201'));
  });
}
