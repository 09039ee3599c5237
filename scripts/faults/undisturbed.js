'use strict';

// Asserts what must be true of every run, whatever fails: its exit code and outputs are the
// same as without a cache, at most one line reports a problem, and nothing is left.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {
  assertStatus,
  build,
  expectedOutputs,
  outputs: outputsOf,
  runNx,
} = require('../kit/nx-runs');
const { assertNoProcess } = require('../kit/processes');

/** @import { Machine } from '../kit/machine' */

/**
 * @typedef {object} Expected
 * @property {string[]} [args] of Nx
 * @property {number} [code]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {RegExp | null} [line] what the one line says; null means no line
 * @property {Parameters<typeof assertStatus>[1] | null} [status] of all tasks
 * @property {Record<string, string>} [outputs] the expected tree of dist
 * @property {boolean} [crashed] whether the server was killed; the next run removes
 *   its leftovers
 */

/**
 * Runs Nx, and asserts that the exit code, and each mode and byte of the outputs, is the same as
 * without a cache. At most one line reports a problem, no secret is printed, and nothing is left.
 *
 * @param {Machine} machine
 * @param {Expected} [expected]
 * @returns {Promise<string[]>} our lines
 */
async function assertUndisturbed(machine, expected = {}) {
  const { args = build, code, env, line, status = 'cache-miss' } = expected;
  const lines = await runNx(machine, args, { code, env });
  assertOutcome(machine, lines, { ...expected, line });
  if (status) assertStatus(machine, status);
  if (expected.crashed) await assertNoProcess(machine);
  else await assertNothingLeft(machine);
  return lines;
}

/**
 * Asserts the lines and outputs of a run.
 *
 * @param {Machine} machine
 * @param {string[]} lines
 * @param {Expected} expected
 */
function assertOutcome(machine, lines, { line, outputs }) {
  // The line about waiting for uploads reports no problem.
  lines = lines.filter((text) => !/^nx-azure-cache: storing \d/.test(text));
  assert.ok(lines.length <= 1, lines.join('\n'));
  if (line === null) assert.deepEqual(lines, []);
  if (line) assert.match(lines[0] ?? 'there is no line', line);
  assert.deepEqual(outputsOf(machine), outputs ?? expectedOutputs());
}

/**
 * Asserts that a run has left no process and no file of ours.
 *
 * @param {Machine} machine
 * @param {number} [limit] milliseconds for the processes to end
 */
async function assertNothingLeft(machine, limit) {
  await assertNoProcess(machine, limit);
  const names = fs.readdirSync(path.dirname(machine.home));
  const others = names.filter((name) => name !== 'nx-native'); // Nx's own
  assert.deepEqual(others.sort(), ['home', 'workspace']);
  assert.deepEqual(filesOfOurs(machine), []);
}

/**
 * Returns the files and folders with our name below a machine's home and workspace, and in the
 * folder for temporary files. Those of the package do not count, nor does the last run's record.
 *
 * @param {Machine} machine
 */
function filesOfOurs({ home, workspace }) {
  const found = [];
  const folders = [home, workspace];
  for (let folder; (folder = folders.pop());) {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (isOnlyRecord(file)) continue;
      if (entry.name.includes('nx-azure-cache')) found.push(file);
      const isSkipped = ['node_modules', '.git', '.npm'].includes(entry.name);
      if (entry.isDirectory() && !isSkipped) folders.push(file);
    }
  }
  const temporary = fs
    .readdirSync(os.tmpdir())
    .filter((name) => name.includes('nx-azure-cache'));
  return [...found, ...temporary];
}

/**
 * Whether a path is the folder of a cache directory in which the last run's record stays, and
 * nothing else.
 *
 * @param {string} folder
 */
function isOnlyRecord(folder) {
  return (
    path.basename(folder) === '.nx-azure-cache' &&
    fs.readdirSync(folder).join() === 'last-run'
  );
}

exports.assertNothingLeft = assertNothingLeft;
exports.assertOutcome = assertOutcome;
exports.assertUndisturbed = assertUndisturbed;
exports.filesOfOurs = filesOfOurs;
