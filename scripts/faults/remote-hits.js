'use strict';

// Runs of many tasks that should all be remote hits.

const { onMain } = require('../kit/ci');
const { build, runNx } = require('../kit/nx-runs');
const { outputsOfMany, writeMany } = require('./many-projects');

/** @import { Machine } from '../kit/machine' */
/** @import { Fixture } from '../kit/fixture' */

/**
 * Stores the results of `count` tasks, and returns another machine, which has none. Both are CI
 * on the main branch, which sends one request for each result.
 *
 * @param {Fixture} fixture
 * @param {number} count
 * @param {Parameters<Fixture['machine']>[1]} [options] of both machines, because Nx hashes
 *   nx.json with every task; `env` only applies to the second
 * @returns {Promise<Machine>}
 */
async function fillCache(fixture, count, options = {}) {
  const first = fixture.machine('first', { ...options, env: onMain });
  writeMany(first, count);
  await runNx(first, build);
  const second = fixture.machine('second', {
    ...options,
    env: { ...onMain, ...options.env },
  });
  writeMany(second, count);
  return second;
}

/**
 * Counts the remote hits of a machine's last run.
 *
 * @param {Machine} machine
 */
const remoteHits = (machine) =>
  Object.values(machine.lastRun()).filter(
    ({ cacheStatus }) => cacheStatus === 'remote-cache-hit',
  ).length;

/**
 * The options of `assertUndisturbed` for a run of `count` tasks.
 *
 * @param {number} count
 * @param {RegExp | null} line
 */
const expectedOfMany = (count, line) => ({
  ...{ line, status: null, outputs: outputsOfMany(count) },
});

exports.expectedOfMany = expectedOfMany;
exports.fillCache = fillCache;
exports.remoteHits = remoteHits;
