'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { createContainer } = require('../kit/azurite');
const { Machine } = require('../kit/machine');
const { root } = require('../kit/root');
const { namesBelow, readTree } = require('../kit/tree');
const { startRecorder } = require('./recorder');

/** @import { TestContext } from 'node:test' */

/** What scripts/e2e.js has set up. */
const shared = {
  folder: variable('E2E_FOLDER'),
  azurite: variable('E2E_AZURITE'),
  registry: variable('E2E_REGISTRY'),
};

/**
 * A licence of testdata/license/README.md.
 *
 * @param {string} name
 */
function licence(name) {
  const file = path.join(root, 'testdata', 'license', `${name}.jwt`);
  return fs.readFileSync(file, 'utf8').trim();
}

/** @param {string} name */
function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run node scripts/e2e.js`);
  return value;
}

/** A run of a CI that is told its ref: one of the trusted branch. */
const onMain = { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/main' };

const build = ['run-many', '--target=build'];

/** The tasks of `build`. */
const tasks = ['colors:build', 'site:build', 'words:build'];

/** What no output may contain. */
const secrets = [
  licence('valid'),
  /AccountKey=([^;]+)/.exec(shared.azurite)?.[1] ?? '',
];

/**
 * A container of its own for a test, and machines that use it through a proxy
 * which records what they send.
 *
 * @param {TestContext} t
 * @param {{ install?: string }} [options]
 */
async function startWorld(t, { install = 'alias' } = {}) {
  const container = `e2e-${randomUUID()}`;
  await createContainer(shared.azurite, container);
  const recorder = await startRecorder(shared.azurite);
  t.after(() => recorder.stop());
  const folder = path.join(shared.folder, container);
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return {
    container,
    recorder,
    /**
     * A machine that has just cloned the workspace and installed its packages.
     *
     * @param {string} name
     * @param {{ azure?: Record<string, unknown>, env?: NodeJS.ProcessEnv }} [options]
     *   `azure` is added to the block of nx.json, `env` to the environment
     */
    machine(name, { azure = {}, env = {} } = {}) {
      const machine = new Machine(path.join(folder, name), {
        AZURE_STORAGE_CONNECTION_STRING: recorder.connectionString,
        NX_POWERPACK_LICENSE: licence('valid'),
        BUILD_TIME: '0',
        ...env,
      });
      const from = path.join(shared.folder, install, 'workspace');
      copyWorkspace(from, machine.workspace);
      configure(machine, { container, ...azure });
      return machine;
    },
  };
}

/**
 * All machines share the files in node_modules, which nobody may write to, but only
 * replace: a copy of each takes ten times as long.
 *
 * @param {string} from
 * @param {string} to
 */
function copyWorkspace(from, to) {
  const packages = path.join(from, 'node_modules');
  fs.cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => file !== packages,
  });
  execFileSync('cp', ['-al', packages, to]);
}

/**
 * Adds keys to the block `azure` of a machine's nx.json.
 *
 * @param {Machine} machine
 * @param {Record<string, unknown>} azure
 */
function configure(machine, azure) {
  const file = path.join(machine.workspace, 'nx.json');
  const nxJson = JSON.parse(fs.readFileSync(file, 'utf8'));
  nxJson.azure = { ...nxJson.azure, ...azure };
  fs.writeFileSync(file, JSON.stringify(nxJson, null, 2));
}

/** The line that sums up a run, in CI. */
const summary =
  /^nx-azure-cache: (\d+) hits?, (\d+) miss(es)?, (\d+) stored, .* MB read, .* MB written, \S+ s waited, (read-write|read-only), scope \S+ \(.+\), https?:\/\/\S+$/;

/**
 * Runs Nx and checks what must be true of every run: it ends with `code`, no
 * secret is printed, and no more than one line sums it up.
 *
 * @param {Machine} machine
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, code?: number, moreSecrets?: string[] }} [options]
 * @returns {Promise<string[]>} our lines in the output, without the summary
 */
async function runNx(machine, args, { env, code = 0, moreSecrets = [] } = {}) {
  const result = await machine.nx(args, { env });
  assert.equal(result.code, code, result.output);
  for (const secret of [...secrets, ...moreSecrets]) {
    assert.ok(secret, 'a secret to look for');
    assert.ok(!result.output.includes(secret), 'the output holds a secret');
  }
  const ours = result.output
    .split('\n')
    .filter((line) => line.startsWith('nx-azure-cache:'));
  assert.ok(
    !result.stdout.includes('nx-azure-cache:'),
    'a line of ours is on stdout',
  );
  const summaries = ours.filter((line) => summary.test(line));
  const isVerbose = { ...machine.env, ...env }.CI === 'true';
  assert.ok(summaries.length <= (isVerbose ? 1 : 0), summaries.join('\n'));
  return ours.filter((line) => !summary.test(line));
}

/**
 * Asserts where Nx got the results of its last run.
 *
 * @param {Machine} machine
 * @param {'cache-miss' | 'local-cache-hit' | 'remote-cache-hit'} status
 * @param {string[]} [expected] tasks
 */
function assertStatus(machine, status, expected = tasks) {
  const run = machine.lastRun();
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(run).map(([task, { cacheStatus }]) => [task, cacheStatus]),
    ),
    Object.fromEntries(expected.map((task) => [task, status])),
  );
}

/**
 * The outputs of the tasks of `build` on a machine.
 *
 * @param {Machine} machine
 */
function outputs(machine) {
  return readTree(path.join(machine.workspace, 'dist'));
}

/** The outputs of the tasks of `build` as they are without any remote cache. */
function expectedOutputs() {
  return readTree(path.join(shared.folder, 'expected'));
}

/**
 * Builds on a machine and asserts that nothing but one line tells of trouble.
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

exports.assertStatus = assertStatus;
exports.assertUndisturbed = assertUndisturbed;
exports.build = build;
exports.expectedOutputs = expectedOutputs;
exports.licence = licence;
exports.namesBelow = namesBelow;
exports.onMain = onMain;
exports.outputs = outputs;
exports.readTree = readTree;
exports.runNx = runNx;
exports.shared = shared;
exports.startWorld = startWorld;
exports.summary = summary;
exports.tasks = tasks;
