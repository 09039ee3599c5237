'use strict';

// azure.verify: trusted runs in CI make some results again, and compare them with the stored
// ones. The run uses what it has made.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { quickTest: test } = require('../kit/tests');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const {
  assertStatus,
  build,
  expectedOutputs,
  outputs,
  runNx,
  tasks,
} = require('../kit/nx-runs');

/** @import { Machine } from '../kit/machine' */

const verify = { NX_AZURE_CACHE_VERIFY: '100%' };

/** The requests of a run on main that finds everything. */
const hits = tasks.map(() => 'GET 206');

test('azure.verify: a reproducible result gives no line, and is downloaded once', async (t) => {
  const { machine, recorder } = await startFixture(t);
  assert.deepEqual(await runNx(machine('a', { env: onMain }), build), []);
  recorder.take();

  const b = machine('b', { env: { ...onMain, ...verify } });
  assert.deepEqual(await runNx(b, build), []);
  assertStatus(b, 'cache-miss');
  assert.deepEqual(outputs(b), expectedOutputs());
  assert.deepEqual(recorder.take(), hits);
});

test('azure.verify: a time in an output gives a line that names the file, and the entry stays', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a', { env: onMain });
  writeTimes(a);
  assert.deepEqual(await runNx(a, build), []);
  recorder.take();

  const b = machine('b', { env: { ...onMain, ...verify } });
  writeTimes(b);
  const lines = await runNx(b, build);
  assertStatus(b, 'cache-miss');
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(
    lines[0],
    /^nx-azure-cache: the result (\d+) of words:build differs from its stored entry: dist\/words\/time\.txt \(content\); an unknown run stored it at \S+Z, this run made another result: the task's outputs are not reproducible, or someone planted the entry; inspect it with npx nx-azure-cache inspect \1, delete it with npx nx-azure-cache evict --hash \1$/,
  );
  assert.notEqual(timeOf(b), timeOf(a), 'the run has the stored output');
  assert.deepEqual(recorder.take(), hits);

  const c = machine('c', { env: onMain });
  writeTimes(c);
  assert.deepEqual(await runNx(c, build), []);
  assertStatus(c, 'remote-cache-hit');
  assert.equal(timeOf(c), timeOf(a), 'the entry was replaced');
});

test('azure.verify: a task that fails although its entry says that it succeeds gives a line', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a', { env: onMain });
  writeFailure(a);
  fs.writeFileSync(path.join(a.workspace, '..', 'succeeds'), '');
  assert.deepEqual(await runNx(a, build), []);
  recorder.take();

  const b = machine('b', { env: { ...onMain, ...verify } });
  writeFailure(b);
  const lines = await runNx(b, build, { code: 1 });
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(
    lines[0],
    /^nx-azure-cache: the result (\d+) of words:build differs from its stored entry: the task failed; an unknown run stored it at \S+Z, this run made another result: the task does not always fail, or someone planted the entry; inspect it with npx nx-azure-cache inspect \1, delete it with npx nx-azure-cache evict --hash \1$/,
  );
});

test('azure.verify: branches and developers do not verify', async (t) => {
  const { machine } = await startFixture(t);
  await runNx(machine('a', { env: onMain }), build);
  const branch = { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/feature' };
  for (const [name, env] of Object.entries({ branch, developer: {} })) {
    const reader = machine(name, { env: { ...env, ...verify } });
    assert.deepEqual(await runNx(reader, build), [], name);
    assertStatus(reader, 'remote-cache-hit');
  }
});

/**
 * Lets one task write the time.
 *
 * @param {Machine} machine
 */
function writeTimes(machine) {
  fs.appendFileSync(
    path.join(machine.workspace, 'tools', 'build.js'),
    "if (project === 'words') write('time.txt', `${process.hrtime.bigint()}`);\n",
  );
}

/**
 * Lets one task fail unless a file outside the workspace exists.
 *
 * @param {Machine} machine
 */
function writeFailure({ workspace }) {
  fs.appendFileSync(
    path.join(workspace, 'tools', 'build.js'),
    "if (project === 'words' && !require('node:fs').existsSync(`${__dirname}/../../succeeds`)) process.exit(1);\n",
  );
}

/** @param {Machine} machine */
const timeOf = (machine) =>
  fs.readFileSync(path.join(machine.workspace, 'dist/words/time.txt'), 'utf8');
