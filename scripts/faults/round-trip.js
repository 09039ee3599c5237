'use strict';

const assert = require('node:assert/strict');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { watchMemory } = require('../kit/process-usage');
const { isServer, processesOf } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { assertUndisturbed } = require('./undisturbed');
const { outputsWithoutCache, setBuild } = require('./workspace');

/** @import { TestContext } from 'node:test' */

const args = ['run', 'words:build'];

/** The memory that a server may use, whatever the size of results (docs/performance.md). */
const memoryLimit = 96 * 1024 * 1024;

const megabytes = (/** @type {number} */ bytes) =>
  `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

/**
 * Builds on one machine, and restores the result on another. Limits the server's memory.
 *
 * @param {TestContext} t
 * @param {string} script for `setBuild`
 */
async function roundTrip(t, script) {
  const fixture = await startFixture(t);
  const makeMachine = (/** @type {string} */ name) => {
    const machine = fixture.machine(name);
    setBuild(machine, script);
    return machine;
  };
  const outputs = await outputsWithoutCache(
    fixture,
    (machine) => setBuild(machine, script),
    args,
  );
  for (const [name, status] of /** @type {const} */ ([
    ['a', 'cache-miss'],
    ['b', 'remote-cache-hit'],
  ])) {
    const machine = makeMachine(name);
    const stop = watchMemory(() => processesOf(machine).find(isServer)?.pid);
    try {
      await assertUndisturbed(machine, {
        args,
        line: null,
        status: null,
        outputs,
      });
    } finally {
      const peak = stop();
      t.diagnostic(`${status}: the server used ${megabytes(peak)} at most`);
      assert.ok(peak < memoryLimit, megabytes(peak));
    }
    assert.equal(machine.lastRun()['words:build'].cacheStatus, status);
    machine.forget();
  }
  const blobs = await listBlobs(shared().azurite, fixture.container);
  t.diagnostic(`stored in ${blobs.map(({ size }) => megabytes(size))}`);
}

exports.roundTrip = roundTrip;
