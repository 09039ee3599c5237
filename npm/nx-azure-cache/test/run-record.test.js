'use strict';

// What is recorded of a run's tasks, by the order in which each version of Nx reports it.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { RunRecord } = require('../lib/run-record');

/** @import { NxTask } from '../lib/run-record' */

/**
 * @param {string} id
 * @param {object} [changes]
 * @returns {NxTask}
 */
const task = (id, changes = {}) => ({
  ...{ id, hash: `hash-${id}`, cache: true },
  ...{ startTime: 1_000, endTime: 1_500 },
  ...changes,
});

/**
 * @param {RunRecord} record
 * @returns {any}
 */
const read = (record, waited = 0) =>
  JSON.parse(record.handOver(waited).toString());

/**
 * What the run records about its only task.
 *
 * @param {(record: RunRecord) => void} run
 */
function only(run) {
  const record = new RunRecord();
  run(record);
  const { tasks } = read(record);
  assert.equal(tasks.length, 1);
  return tasks[0];
}

/**
 * The inputs of each task by name.
 *
 * @param {any} record
 * @returns {Record<string, Record<string, string> | undefined>}
 */
const inputsOf = ({ names, inputs, tasks }) =>
  Object.fromEntries(
    tasks.map((/** @type {any} */ task) => [
      task.id,
      task.inputs &&
        Object.fromEntries(
          task.inputs.map((/** @type {number} */ index) => [
            names[inputs[index][0]],
            inputs[index][1],
          ]),
        ),
    ]),
  );

const details = {
  command: '10',
  nodes: { 'a:ProjectConfiguration': '11', 'env:CI': '12', 'ä"\n': '13' },
  implicitDeps: {},
  runtime: {},
};

describe('the record of a run', () => {
  test('of a run without tasks is empty', () => {
    const record = new RunRecord();
    assert.equal(record.size, 0);
    const { started, ended, ...rest } = read(record, 12.3);
    assert.ok(started <= ended && ended <= Date.now());
    const nothing = { names: [], inputs: [], tasks: [] };
    assert.deepEqual(rest, { waited: 12, ...nothing });
  });

  test('has a task that ran', () => {
    const built = only((record) => {
      const a = task('a:build');
      record.lookUp(a);
      record.lookedUp(a, null);
      record.begin(a);
      record.put(a, 0);
      record.end(a, 'success');
    });
    assert.deepEqual(built, {
      ...{ id: 'a:build', hash: 'hash-a:build', status: 'success' },
      ...{ cache: true, started: 1_000, ended: 1_500 },
    });
  });

  for (const status of [
    ...['local-cache', 'local-cache-kept-existing', 'remote-cache'],
  ]) {
    test(`has no times of a task with ${status}`, () => {
      const found = only((record) => {
        const a = task('a:build');
        record.lookUp(a);
        record.lookedUp(a, { code: 0, remote: status === 'remote-cache' });
        record.end(a, status);
      });
      const { id, hash } = task('a:build');
      assert.deepEqual(found, { id, hash, status, cache: true });
    });
  }

  test('has what is known of tasks whose end Nx does not report', () => {
    const record = new RunRecord();
    const all = ['local', 'remote', 'built', 'red', 'running', 'waiting'];
    for (const id of all) record.lookUp(task(id));
    record.lookedUp(task('local'), { code: 0, remote: false });
    record.lookedUp(task('remote'), { code: 0, remote: true });
    for (const id of all.slice(2)) record.lookedUp(task(id), null);
    for (const id of all.slice(2, 5)) record.begin(task(id));
    record.put(task('built'), 0);
    record.put(task('red'), 1);
    const { tasks } = read(record);
    assert.deepEqual(
      tasks.map((/** @type {any} */ { id, status, started }) => [
        ...[id, status, started],
      ]),
      [
        ['local', 'local-cache', undefined],
        ['remote', 'remote-cache', undefined],
        ['built', 'success', 1_000],
        ['red', 'failure', 1_000],
        ['running', 'stopped', undefined],
        ['waiting', 'skipped', undefined],
      ],
    );
  });

  test('does not count the time of a lookup, which Nx before 22 does', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_200 });
    const built = only((record) => {
      const a = task('a:build');
      record.begin(a);
      record.lookUp(a);
      record.lookedUp(a, null);
      record.put(a, 0);
      assert.equal(record.takeTook(a.hash), 300);
      assert.equal(record.takeTook(a.hash), undefined);
    });
    assert.deepEqual([built.started, built.ended], [1_200, 1_500]);
  });

  test('has the end that Nx 20.0 does not tell', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_300 });
    const built = only((record) => {
      const a = task('a:build', { endTime: undefined });
      record.lookUp(a);
      record.lookedUp(a, null);
      t.mock.timers.setTime(1_900);
      record.put(a, 0);
      assert.equal(record.takeTook(a.hash), 600);
      t.mock.timers.setTime(5_000); // Nx stores the result
      record.end(a, 'success');
    });
    assert.deepEqual([built.started, built.ended], [1_300, 1_900]);
  });

  for (const times of [
    { startTime: undefined },
    { startTime: undefined, endTime: undefined },
    { startTime: 'yesterday' },
    { startTime: 2_000 },
  ]) {
    test(`guesses no time: ${JSON.stringify(times)}`, () => {
      const built = only((record) => {
        const a = task('a:build', times);
        record.put(a, 0);
        assert.equal(record.takeTook(a.hash), undefined);
        record.end(a, 'success');
      });
      assert.equal(built.started, undefined);
      assert.equal(built.ended, undefined);
    });
  }

  test('says which tasks Nx caches', () => {
    const record = new RunRecord();
    record.end(task('a'), 'success');
    record.end(task('b', { cache: false }), 'success');
    record.end(task('c', { continuous: true }), 'success');
    record.lookUp(task('d', { cache: undefined })); // cacheableOperations
    assert.deepEqual(
      read(record).tasks.map((/** @type {any} */ { cache }) => cache),
      [true, false, false, true],
    );
  });

  test('has each input once', () => {
    const record = new RunRecord();
    const other = { ...details, nodes: { ...details.nodes, 'env:CI': '14' } };
    record.end(task('a', { hashDetails: details }), 'success');
    record.end(task('b', { hashDetails: other }), 'success');
    record.end(task('c', { hashDetails: details }), 'local-cache');
    const { names, inputs, tasks } = read(record);
    const node = ['a:ProjectConfiguration', 'env:CI', 'ä"\n'];
    assert.deepEqual(names, ['command', ...node]);
    assert.deepEqual(inputs, [
      ...[0, 1, 2, 3].map((name) => [name, `1${name}`]),
      [2, '14'],
    ]);
    assert.deepEqual(
      tasks.map((/** @type {any} */ { inputs }) => inputs),
      [
        [0, 1, 2, 3],
        [0, 1, 4, 3],
        [0, 1, 2, 3],
      ],
    );
  });

  test('has the inputs of a custom hasher, whatever they are', () => {
    const record = new RunRecord();
    const custom = {
      all: { ...details, implicitDeps: { x: '1' }, runtime: { 'a b': '2' } },
      some: { nodes: { x: 1, y: 'z', z: null }, runtime: { y: {} } },
      none: {},
      text: 'text',
      missing: undefined,
    };
    for (const [id, hashDetails] of Object.entries(custom)) {
      record.end(task(id, { hashDetails }), 'success');
    }
    const { command, nodes } = details;
    assert.deepEqual(inputsOf(read(record)), {
      all: { command, ...nodes, x: '1', 'runtime:a b': '2' },
      some: { y: 'z' },
      none: undefined,
      text: undefined,
      missing: undefined,
    });
  });

  test('has the last hash of a task that Nx hashes again', () => {
    const record = new RunRecord();
    const a = task('a', { hashDetails: details });
    record.lookUp(a);
    record.lookedUp(a, null);
    a.hash = 'again';
    a.hashDetails = { nodes: { x: '1' } };
    record.put(a, 0);
    record.end(a, 'success');
    const handedOver = read(record);
    assert.equal(handedOver.tasks.length, 1);
    assert.equal(handedOver.tasks[0].hash, 'again');
    assert.deepEqual(inputsOf(handedOver), { a: { x: '1' } });
  });

  test('has a task once if a later run in the process finds its result', () => {
    const built = only((record) => {
      record.put(task('a'), 0);
      record.end(task('a'), 'success');
      record.lookUp(task('a'));
      record.lookedUp(task('a'), { code: 0, remote: false });
      record.end(task('a'), 'local-cache');
    });
    assert.equal(built.status, 'success');
    // Executors of Nx up to 20 report no end.
    const inner = only((record) => {
      record.put(task('a'), 0);
      record.lookUp(task('a'));
      record.lookedUp(task('a'), { code: 0, remote: false });
      record.end(task('a'), 'local-cache');
    });
    assert.equal(inner.status, 'success');
  });

  test('has no part of the inputs of a task beyond the limit', () => {
    const record = new RunRecord({ maxInputs: 9 });
    for (const id of ['a', 'b', 'c', 'd']) {
      record.end(task(id, { hashDetails: details }), 'success');
    }
    const counts = read(record).tasks.map(
      (/** @type {any} */ { inputs }) => inputs?.length,
    );
    assert.deepEqual(counts, [4, 4, undefined, undefined]);
  });

  for (const [what, nodes] of Object.entries({
    'too many different inputs': Object.fromEntries(
      Array.from({ length: 200_001 }, (_, i) => [`env:${i}`, '1']),
    ),
    'a too long input': { a: '1', b: 'x'.repeat(1_000_001) },
    'too long inputs': { a: '1', b: 'x'.repeat(5_000_001) },
  })) {
    test(`has no table that the server rejects: ${what}`, () => {
      const record = new RunRecord();
      for (const [id, hashDetails] of Object.entries({
        a: details,
        b: { nodes },
        c: details,
      })) {
        record.end(task(id, { hashDetails }), 'success');
      }
      const { names, inputs, tasks } = read(record);
      assert.ok(names.length <= 200_000 && inputs.length <= 200_000);
      assert.ok(JSON.stringify(names).length < 6_000_000);
      assert.deepEqual(
        tasks.map((/** @type {any} */ { inputs }) => inputs?.length),
        [4, undefined, undefined],
      );
    });
  }

  test('counts the tasks beyond the limit', () => {
    const record = new RunRecord({ maxTasks: 2 });
    for (const id of ['a', 'b', 'c', 'd']) {
      record.lookUp(task(id));
      record.end(task(id), 'success');
    }
    const { tasks, omitted } = read(record);
    assert.deepEqual([tasks.length, omitted], [2, 2]);
  });

  test('skips what is no task', () => {
    const record = new RunRecord();
    for (const odd of [{}, { id: 'a' }, { id: 1, hash: '1' }, { hash: '1' }]) {
      record.lookUp(/** @type {any} */ (odd));
      record.end(/** @type {any} */ (odd), 'success');
    }
    record.end(task('a'), /** @type {any} */ ({}));
    const { tasks, omitted } = read(record);
    assert.deepEqual(
      tasks.map((/** @type {any} */ { id, status }) => [id, status]),
      [['a', 'skipped']],
    );
    assert.equal(omitted, undefined); // it counts tasks beyond the limit only
  });
});

test('a server that excludes tasks learns which task each one is', () => {
  const target = { project: 'a', target: 'build', configuration: 'ci' };
  for (const withTargets of [true, false]) {
    const record = new RunRecord({ withTargets });
    for (const of of [target, { project: 'b', target: 'build' }, undefined]) {
      record.end(task(`${of?.project}:build`, { target: of }), 'success');
    }
    const told = read(record).tasks.map((/** @type {any} */ t) => t.task);
    const all = [target, { project: 'b', target: 'build' }, undefined];
    assert.deepEqual(told, withTargets ? all : all.map(() => undefined));
  }
});
