'use strict';

const assert = require('node:assert/strict');
const {
  assertStatus,
  build,
  expectedOutputs,
  outputs,
  runNx,
} = require('../kit/nx-runs');

/** @import { Machine } from '../kit/machine' */

/**
 * Builds on a machine, and asserts that one line is the only difference to a run without a
 * cache.
 *
 * @param {Machine} machine
 * @param {RegExp} line
 */
async function assertUndisturbed(machine, line) {
  const lines = await runNx(machine, build);
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], line);
  assertStatus(machine, 'cache-miss');
  assert.deepEqual(outputs(machine), expectedOutputs());
}

exports.assertUndisturbed = assertUndisturbed;
