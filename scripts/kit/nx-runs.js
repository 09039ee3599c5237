'use strict';

// Runs Nx in the workspace of scripts/workspace, and asserts what must be true of every run.

const assert = require('node:assert/strict');
const path = require('node:path');
const { accountKey } = require('./azurite');
const { testLicense } = require('./license');
const { shared } = require('./shared');
const { readTree } = require('./tree');

/** @import { Machine } from './machine' */

const build = ['run-many', '--target=build'];

/** The tasks of `build`. */
const tasks = ['colors:build', 'site:build', 'words:build'];

/** The strings that no output may contain. */
const secrets = () => [testLicense('valid'), accountKey(shared().azurite)];

/** The summary line of a run in CI. */
const summary =
  /^nx-azure-cache: (\d+) hits?(?: saved [^,]+)?, (\d+) miss(es)?, (\d+) stored, .* [KMG]?B read, .* [KMG]?B written, \S+ s waited, (read-write|read-only), scope \S+ \(.+\), https?:\/\/\S+$/;

/** What is before a line that is an annotation of GitHub or of Azure Pipelines. */
const annotation =
  /^(::warning title=nx-azure-cache[^:]*::|##vso\[task\.logissue type=warning[^\]]*\])(?=nx-azure-cache:)/;

/**
 * A line without the code at its end and the address of its section.
 *
 * @param {string} line
 */
const withoutCode = (line) =>
  line.replace(/ \(NXAC\d{3}: https:\S+#nxac\d{3}\)$/, '');

/**
 * Our lines in the output of Nx, without their codes. In CI, an annotation contains the line.
 *
 * @param {string} output
 */
function ourLines(output) {
  const unescaped = (/** @type {string} */ line) =>
    line.replace(/%(3B|5D|AZP25|25)/g, (_, code) =>
      code === '3B' ? ';' : code === '5D' ? ']' : '%',
    );
  return output
    .split('\n')
    .map((line) =>
      annotation.test(line) ? unescaped(line.replace(annotation, '')) : line,
    )
    .filter((line) => line.startsWith('nx-azure-cache:'))
    .map(withoutCode);
}

/**
 * Runs Nx and asserts what must be true of every run: it ends with `code`, prints no secret,
 * and prints one summary line at most.
 *
 * @param {Machine} machine
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, code?: number, moreSecrets?: string[] }} [options]
 * @returns {Promise<string[]>} our lines in the output, without the summary
 */
async function runNx(machine, args, { env, code = 0, moreSecrets = [] } = {}) {
  const result = await machine.nx(args, { env });
  assert.equal(result.code, code, result.output);
  for (const secret of [...secrets(), ...moreSecrets]) {
    assert.ok(secret, 'a secret to look for');
    assert.ok(!result.output.includes(secret), 'the output holds a secret');
  }
  const ours = ourLines(result.output);
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

/** The outputs that the tasks of `build` have without a remote cache. */
function expectedOutputs() {
  return readTree(path.join(shared().folder, 'expected', 'dist'));
}

exports.assertStatus = assertStatus;
exports.build = build;
exports.expectedOutputs = expectedOutputs;
exports.ourLines = ourLines;
exports.outputs = outputs;
exports.runNx = runNx;
exports.secrets = secrets;
exports.summary = summary;
exports.tasks = tasks;
exports.withoutCode = withoutCode;
