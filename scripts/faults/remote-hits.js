'use strict';

// Runs of many tasks that should all be remote hits.

const { onMain } = require('../kit/ci');
const { build, runNx } = require('../kit/nx-runs');
const { outputsOfMany, writeMany } = require('./many-projects');

/** @import { Machine } from '../kit/machine' */
/** @import { Fixture } from '../kit/fixture' */

/**
 * Stores the results of `count` tasks, and makes another machine that has none.
 * Both are CI of the main branch: one request for each result.
 *
 * @param {Fixture} fixture
 * @param {number} count
 * @param {Parameters<Fixture['machine']>[1]} [options] of both but for `env`: Nx hashes
 *   nx.json with every task
 * @returns {Promise<Machine>}
 */
async function filled(fixture, count, options = {}) {
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
 * How many tasks of a machine's last run were remote hits.
 *
 * @param {Machine} machine
 */
const remoteHits = (machine) =>
  Object.values(machine.lastRun()).filter(
    ({ cacheStatus }) => cacheStatus === 'remote-cache-hit',
  ).length;

/**
 * What `assertUndisturbed` expects of such a run.
 *
 * @param {number} count
 * @param {RegExp | null} line
 */
const expectedOfMany = (count, line) => ({
  ...{ line, status: null, outputs: outputsOfMany(count) },
});

exports.expectedOfMany = expectedOfMany;
exports.filled = filled;
exports.remoteHits = remoteHits;
