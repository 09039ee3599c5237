'use strict';

// What the record of a run holds with each version of Nx.

const assert = require('node:assert/strict');
const { inputsOf, lastRunRecord, taskIn } = require('../kit/run-records');

/** @import { Machine } from '../kit/machine' */
/** @import { RunRecord } from '../kit/run-records' */

const tasks = ['colors:build', 'site:build', 'words:build'];

/**
 * Asserts what the record of a machine's last run says about the tasks of the workspace, and
 * returns it. All versions of Nx tell the inputs, and when a task ran.
 *
 * @param {Machine} machine
 * @param {'stored' | 'remote-hit'} outcome of all tasks
 * @returns {RunRecord}
 */
function checkRecord(machine, outcome) {
  const record = lastRunRecord(machine);
  assert.ok(record, 'there is no record of the last run');
  const what = JSON.stringify(record);
  assert.deepEqual(record.tasks.map(({ id }) => id).sort(), tasks, what);
  assert.ok(Date.parse(record.started) <= Date.parse(record.ended), what);
  const run = machine.lastRun();
  for (const id of tasks) {
    const { hash, outcome: actual, ran } = taskIn(record, id);
    assert.equal(actual, outcome, what);
    assert.equal(hash, run[id].hash, what);
    // Node alone takes some milliseconds to start.
    if (outcome === 'stored') assert.ok(Number(ran) >= 10, what);
    else assert.equal(ran, undefined, what);
    const project = id.split(':')[0];
    const inputs = inputsOf(record, id) ?? {};
    for (const name of [
      ...['command', 'AllExternalDependencies'],
      ...[`${project}:ProjectConfiguration`, `${project}:TsConfig`],
    ]) {
      assert.ok(name in inputs, `${id} has no input ${name}: ${what}`);
    }
    const names = Object.keys(inputs);
    assert.ok(
      names.some((name) => name.includes('tools/**/*')),
      what,
    );
    assert.ok(
      names.some(
        (name) =>
          name.startsWith(`${project}:${project}/`) ||
          name.startsWith(`${project}:{projectRoot}`),
      ),
      what,
    );
  }
  return record;
}

/**
 * Asserts that the hits of a run saved what the tasks took in an earlier run, and that Nx had
 * the same inputs.
 *
 * @param {RunRecord} record
 * @param {RunRecord} earlier
 */
function checkSaved(record, earlier) {
  const what = JSON.stringify([record, earlier]);
  let sum = 0;
  for (const id of tasks) {
    const { saved, from } = taskIn(record, id);
    const { ran = 0 } = taskIn(earlier, id);
    assert.equal(from, 'trusted', what);
    assert.equal(saved, ran, what);
    assert.deepEqual(inputsOf(record, id), inputsOf(earlier, id), what);
    sum += ran;
  }
  assert.equal(record.totals.saved, sum, what);
}

exports.checkRecord = checkRecord;
exports.checkSaved = checkSaved;
