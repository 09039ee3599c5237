'use strict';

// Asserts what must be true of every run, whatever fails: its exit code and outputs are
// those of a run without a cache, one line at most reports a problem, and nothing is left.

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
 * @property {RegExp | null} [line] what the one line says; null: there is none
 * @property {Parameters<typeof assertStatus>[1] | null} [status] of all tasks
 * @property {Record<string, string>} [outputs] of the workspace's tree dist
 * @property {boolean} [crashed] the server was killed: what it leaves is for the
 *   next run to remove
 */

/**
 * Runs Nx. Asserts that the run is what it would be without a cache: its exit code, and
 * its outputs mode by mode and byte by byte. At most one line reports a problem, without a
 * secret, and nothing is left behind.
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
 * @param {Machine} machine
 * @param {string[]} lines
 * @param {Expected} expected
 */
function assertOutcome(machine, lines, { line, outputs }) {
  // Waiting for uploads is no problem.
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
 * The files and folders below a machine's home and workspace, and in the
 * folder for temporary files, that have our name. Those of the package do not
 * count.
 *
 * @param {Machine} machine
 */
function filesOfOurs({ home, workspace }) {
  const found = [];
  const folders = [home, workspace];
  for (let folder; (folder = folders.pop());) {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.name.includes('nx-azure-cache')) found.push(file);
      const isTheirs = ['node_modules', '.git', '.npm'].includes(entry.name);
      if (entry.isDirectory() && !isTheirs) folders.push(file);
    }
  }
  const temporary = fs
    .readdirSync(os.tmpdir())
    .filter((name) => name.includes('nx-azure-cache'));
  return [...found, ...temporary];
}

exports.assertNothingLeft = assertNothingLeft;
exports.assertOutcome = assertOutcome;
exports.assertUndisturbed = assertUndisturbed;
exports.filesOfOurs = filesOfOurs;
