'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { quickTest: test } = require('../kit/tests');
const { startFixture } = require('../kit/fixture');
const {
  assertStatus,
  build,
  outputs,
  runNx,
  tasks,
} = require('../kit/nx-runs');
const { serversGone } = require('../kit/processes');
const { readTree } = require('../kit/tree');

const repeat = (/** @type {string} */ text) => tasks.map(() => text);

/** The requests of a developer's machine for each retrieve: in the trusted scope and in its own. */
const miss = ['GET 404', 'GET 404'];

for (const install of /** @type {const} */ (['alias', 'plain'])) {
  test(`two machines share results (${install} install)`, async (t) => {
    const { machine, recorder } = await startFixture(t, { install });
    const a = machine('a');
    const b = machine('b');

    assert.deepEqual(await runNx(a, build), []);
    assertStatus(a, 'cache-miss');
    assert.deepEqual(recorder.take(), [
      ...tasks.flatMap(() => miss),
      ...repeat('PUT 201'),
    ]);

    assert.deepEqual(await runNx(b, build), []);
    assertStatus(b, 'remote-cache-hit');
    assert.deepEqual(recorder.take().sort(), [
      ...repeat('GET 206'),
      ...repeat('GET 404'),
    ]);
    assert.deepEqual(outputs(b), outputs(a));

    assert.deepEqual(await runNx(b, build), []);
    assertStatus(b, 'local-cache-hit');
    assert.deepEqual(recorder.take(), [], 'a local hit sends no request');
  });
}

test('a restored result equals the stored one, lstat by lstat', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a');
  const b = machine('b');
  await runNx(a, build);
  await runNx(b, build);
  for (const [task, { hash }] of Object.entries(a.lastRun())) {
    assert.deepEqual(
      readTree(path.join(b.cacheDirectory() ?? '', hash), { times: true }),
      readTree(path.join(a.cacheDirectory() ?? '', hash), { times: true }),
      task,
    );
  }
  await serversGone(b);
  const ours = path.join(b.cacheDirectory() ?? '', '.nx-azure-cache');
  const left = fs.existsSync(ours) ? fs.readdirSync(ours) : [];
  assert.deepEqual(
    left.filter((name) => name !== 'last-run'), // the record stays
    [],
  );
});

test('a task without outputs is shared, with its terminal output', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a');
  const b = machine('b');
  const test = ['run', 'colors:test', '--output-style=static'];
  const expected = ['colors:build', 'colors:test'];
  await runNx(a, test);
  await runNx(b, test);
  assertStatus(b, 'remote-cache-hit', expected);
  const { output } = await b.nx(test);
  assert.match(output, /4 items of colors are there/);
});

test('terminal output of any size is restored exactly', async (t) => {
  const { machine } = await startFixture(t);
  const runs = [];
  for (const name of ['a', 'b']) {
    const built = machine(name);
    fs.writeFileSync(
      path.join(built.workspace, 'colors', 'project.json'),
      JSON.stringify({
        name: 'colors',
        targets: {
          build: { command: `node -e "process.stdout.write('ü'.repeat(1e6))"` },
        },
      }),
    );
    await runNx(built, ['run', 'colors:build']);
    const { 'colors:build': task } = built.lastRun();
    runs.push({
      status: task.cacheStatus,
      text: terminalOutput(built, task.hash),
    });
  }
  assert.equal(runs[0].status, 'cache-miss');
  assert.equal(runs[1].status, 'remote-cache-hit');
  assert.equal(runs[1].text, runs[0].text);
  assert.ok(runs[1].text.includes('ü'.repeat(1e6)));
});

/**
 * The terminal output of a task in Nx's cache.
 *
 * @param {import('../kit/machine').Machine} machine
 * @param {string} hash
 */
function terminalOutput(machine, hash) {
  const folder = path.join(machine.cacheDirectory() ?? '', 'terminalOutputs');
  return fs.readFileSync(path.join(folder, hash), 'utf8');
}

test('a failed task stays failed and is not shared', async (t) => {
  const { machine, recorder } = await startFixture(t);
  for (const name of ['a', 'b']) {
    const built = machine(name);
    fs.writeFileSync(
      path.join(built.workspace, 'words', 'source.json'),
      'broken',
    );
    await runNx(built, ['run', 'words:build'], { code: 1 });
    assertStatus(built, 'cache-miss', ['words:build']);
    assert.deepEqual(recorder.take(), miss);
  }
});
