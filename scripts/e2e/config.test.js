'use strict';

// The block `azure`: which tasks it shares, which files may hold it, and how `init` writes it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { quickTest: test } = require('../kit/tests');
const { alias } = require('../kit/names');
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

/** @param {Machine} machine */
const nxJsonOf = (machine) => path.join(machine.workspace, 'nx.json');

/**
 * @param {string} file
 * @param {object} value
 */
function writeJson(file, value) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify(value, null, 2));
}

test('only tasks that are included and not excluded are shared', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const azure = { include: ['build'], exclude: ['words:*'] };
  const a = machine('a', { azure, env: onMain });
  const b = machine('b', { azure, env: onMain });

  assert.deepEqual(await runNx(a, ['run-many', '-t', 'build,test']), []);
  const two = (/** @type {string} */ text) => [text, text];
  assert.deepEqual(recorder.take().sort(), [
    ...two('GET 404'),
    ...two('PUT 201'),
  ]);

  assert.deepEqual(await runNx(b, build), []);
  assert.deepEqual(recorder.take(), two('GET 206'));
  const status = Object.entries(b.lastRun()).map(
    ([task, { cacheStatus }]) => `${task} ${cacheStatus}`,
  );
  assert.deepEqual(status.sort(), [
    'colors:build remote-cache-hit',
    'site:build remote-cache-hit',
    'words:build cache-miss',
  ]);
  assert.deepEqual(outputs(b), expectedOutputs());
});

test('the block may be in a package that nx.json extends', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { env: onMain });
  const { azure, ...rest } = a.nxJson();
  const preset = path.join(a.workspace, 'node_modules', 'nx-preset');
  writeJson(path.join(preset, 'nx.json'), { azure });
  writeJson(nxJsonOf(a), { extends: 'nx-preset/nx.json', ...rest });

  assert.deepEqual(await runNx(a, build), []);
  const ls = await linesOf(a, ['ls']);
  assert.deepEqual(ls.map(({ provenance }) => provenance.task).sort(), [
    ...tasks,
  ]);
});

test('inspect finds the entries of a task, and the one of the last run', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { env: onMain });
  assert.deepEqual(await runNx(a, build), []);
  const [site, ...more] = await linesOf(a, ['inspect', 'site:build']);
  assert.deepEqual(more, []);
  assert.equal(site.provenance.task, 'site:build');
  assert.equal(site.lastRun, true);
});

/**
 * Runs a command of nx-azure-cache that prints JSON, and resolves to its lines.
 *
 * @param {Machine} machine
 * @param {string[]} args
 * @returns {Promise<any[]>}
 */
async function linesOf(machine, args) {
  const npx = ['--no-install', 'nx-azure-cache', ...args, '--json'];
  const { code, output, stdout } = await machine.run('npx', npx);
  assert.equal(code, 0, output);
  const lines = stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

test('init migrates from nx-remotecache-azure, and a dry run only prints the changes', async (t) => {
  const { container, machine } = await startFixture(t);
  const a = machine('a', { env: onMain });
  const { azure: _, ...nxJson } = a.nxJson();
  const options = { container, connectionString: 'AccountKey=aHVzaA==' };
  const runner = { runner: 'nx-remotecache-azure', options };
  const before = { ...nxJson, tasksRunnerOptions: { default: runner } };
  writeJson(nxJsonOf(a), before);

  const init = ['generate', `${alias}:init`];
  const dry = await a.nx([...init, '--dry-run']);
  assert.equal(dry.code, 0, dry.output);
  assert.deepEqual(a.nxJson(), before);
  const wet = await a.nx(init);
  assert.equal(wet.code, 0, wet.output);
  for (const { output } of [dry, wet]) {
    for (const line of [
      'nx.json: removed the runner nx-remotecache-azure from tasksRunnerOptions.default, and its options container, connectionString.',
      'nx.json: removed the connection string; set AZURE_STORAGE_CONNECTION_STRING to it.',
      `nx.json: set azure.container to "${container}", as before.`,
    ]) {
      assert.ok(output.includes(line), output);
    }
    assert.ok(!output.includes('aHVzaA'), output);
  }
  assert.match(wet.output, /the connection string in AZURE_STORAGE_CONN/);
  assert.doesNotMatch(fs.readFileSync(nxJsonOf(a), 'utf8'), /aHVzaA|Runner/);

  assert.deepEqual(await runNx(a, build), []);
  a.forget();
  assert.deepEqual(await runNx(a, build), []);
  assertStatus(a, 'remote-cache-hit');
});
