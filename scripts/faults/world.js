'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { listBlobs, removeBlob } = require('../kit/azurite');
const { Machine } = require('../kit/machine');
const { installedWorkspace } = require('../kit/shared');
const e2e = require('../e2e/world');
const { assertNoProcess, until } = require('../kit/processes');
const { Toxiproxy } = require('./toxiproxy');

/** @import { TestContext } from 'node:test' */
/** @typedef {Awaited<ReturnType<typeof startWorld>>} World */

/** Whether this is `npm run test:faults` and not the quick selection. */
const isFull = process.env.FAULTS_FULL === '1';

const patterns = JSON.parse(process.env.FAULTS_PATTERNS ?? '[]');

/**
 * Makes `test`, or what makes no test at all: a test that is left out is not
 * one that is skipped.
 *
 * @param {boolean} isMade
 * @returns {typeof test}
 */
function maker(isMade) {
  const make = (/** @type {string} */ name, /** @type {any[]} */ ...more) => {
    const isMeant =
      patterns.length === 0 ||
      patterns.some((/** @type {string} */ text) => name.startsWith(text));
    if (isMade && isMeant) test(name, ...more);
  };
  return /** @type {any} */ (make);
}

/** Makes a test of the quick selection, which is a part of `npm test`. */
const quickTest = maker(true);

/** Makes a test that only `npm run test:faults` runs. */
const fullTest = maker(isFull);

/** Limits with which a test need not wait long for what never comes. */
const shortTimeouts = {
  connect: '500ms',
  firstByte: '1s',
  stall: '1s',
  drain: '2s',
};

/**
 * A container of its own for a test, a proxy before it whose fault the test
 * sets (`recorder.fault`, see faults.js), and machines that use it.
 *
 * @param {TestContext} t
 * @param {{ nx?: string }} [options] `nx`: another version than the newest
 */
async function startWorld(t, { nx } = {}) {
  const install = nx ? await installNx(nx) : undefined;
  const world = await e2e.startWorld(t, { install });
  return {
    ...world,
    /**
     * A machine whose processes are gone at the end, even after a failure.
     *
     * @param {string} name
     * @param {Parameters<typeof world.machine>[1]} [options]
     */
    machine(name, options) {
      const machine = world.machine(name, options);
      t.after(() => assertNoProcess(machine));
      return machine;
    },

    /** Removes what is stored. */
    async empty() {
      const { azurite } = e2e.shared;
      for (const { name } of await listBlobs(azurite, world.container)) {
        await removeBlob(azurite, `/account/${world.container}/${name}`);
      }
    },

    /** Puts toxiproxy before the proxy: for faults of TCP. */
    async toxiproxy() {
      const port = process.env.FAULTS_TOXIPROXY;
      if (!port) throw new Error('run node scripts/faults.js');
      const toxiproxy = new Toxiproxy(`http://127.0.0.1:${port}`);
      await toxiproxy.start(world.recorder.port);
      t.after(() => toxiproxy.stop());
      return toxiproxy;
    },
  };
}

/**
 * Installs a workspace with another version of Nx, once for the tests of all
 * processes. Returns its name for `startWorld` of scripts/e2e/world.js.
 *
 * @param {string} nx version
 */
async function installNx(nx) {
  const name = `nx-${nx}`;
  const folder = path.join(e2e.shared.folder, name);
  const ready = path.join(folder, 'ready');
  try {
    fs.mkdirSync(folder);
  } catch {
    if (await until(() => fs.existsSync(ready), 180_000)) return name;
    throw new Error(`another process has not installed Nx ${nx} in ${folder}`);
  }
  const machine = new Machine(folder);
  await installedWorkspace(machine, e2e.shared.registry, {
    specifier: '@nx/powerpack-azure-cache@npm:nx-azure-cache',
    nx,
  });
  fs.writeFileSync(ready, '');
  return name;
}

/**
 * @typedef {object} Expected
 * @property {string[]} [args] of Nx
 * @property {number} [code]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {RegExp | null} [line] what the one line says; null: there is none
 * @property {Parameters<typeof e2e.assertStatus>[1] | null} [status] of all tasks
 * @property {Record<string, string>} [outputs] of the workspace's tree dist
 * @property {boolean} [crashed] the server was killed: what it leaves is for the
 *   next run to remove
 */

/**
 * Runs Nx and asserts that the run is what it would be without a cache: exit
 * code, outputs mode by mode and byte by byte; that at most one line tells of
 * trouble, without a secret; and that nothing is left behind.
 *
 * @param {Machine} machine
 * @param {Expected} [expected]
 * @returns {Promise<string[]>} our lines
 */
async function assertUndisturbed(machine, expected = {}) {
  const { args = e2e.build, code, env, line, status = 'cache-miss' } = expected;
  const lines = await e2e.runNx(machine, args, { code, env });
  assertOutcome(machine, lines, { ...expected, line });
  if (status) e2e.assertStatus(machine, status);
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
  // That it waits for uploads is no trouble.
  lines = lines.filter((text) => !/^nx-azure-cache: storing \d/.test(text));
  assert.ok(lines.length <= 1, lines.join('\n'));
  if (line === null) assert.deepEqual(lines, []);
  if (line) assert.match(lines[0] ?? 'there is no line', line);
  assert.deepEqual(e2e.outputs(machine), outputs ?? e2e.expectedOutputs());
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

/**
 * Removes what Nx has kept, but not what our processes have left, nor the
 * outputs.
 *
 * @param {Machine} machine
 */
function forgetResults(machine) {
  const folders = [machine.home, machine.workspace].map((parent) =>
    path.join(parent, '.nx'),
  );
  for (let folder; (folder = folders.pop());) {
    if (!fs.existsSync(folder)) continue;
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.name === '.nx-azure-cache') continue;
      if (entry.name === 'cache' || entry.name === 'workspaces') {
        folders.push(file);
      } else {
        fs.rmSync(file, { recursive: true, force: true });
      }
    }
  }
}

/**
 * Replaces the script that builds a project; `items` of it are in
 * scripts/workspace.
 *
 * @param {Machine} machine
 * @param {string} script which finds its project in `project` and the folder
 *   of its outputs, which is empty, in `dist`
 */
function setBuild(machine, script) {
  fs.writeFileSync(
    path.join(machine.workspace, 'tools', 'build.js'),
    `'use strict';
    const fs = require('node:fs');
    const path = require('node:path');
    const crypto = require('node:crypto');
    const project = process.argv[2];
    const dist = path.join('dist', project);
    fs.rmSync(dist, { recursive: true, force: true });
    fs.mkdirSync(dist, { recursive: true });
    ${script}`,
  );
}

/**
 * The script of `setBuild` that writes a file of bytes which look random, and
 * are the same each time.
 *
 * @param {number} megabytes
 */
const buildLargeFile = (megabytes) => `
  const zeros = Buffer.alloc(1024 * 1024);
  const cipher = crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const file = fs.openSync(path.join(dist, 'large'), 'w');
  for (let i = 0; i < ${megabytes}; i++) fs.writeSync(file, cipher.update(zeros));
  fs.closeSync(file);`;

/**
 * What a build gives on a machine without any remote cache.
 *
 * @param {World} world
 * @param {(machine: Machine) => void} prepare
 * @param {string[]} [args]
 */
async function withoutCache(world, prepare, args = e2e.build) {
  const env = { NX_SKIP_REMOTE_CACHE: 'true' };
  const machine = world.machine('without-cache', { env });
  prepare(machine);
  await e2e.runNx(machine, args);
  const outputs = e2e.outputs(machine);
  fs.rmSync(path.dirname(machine.home), { recursive: true });
  return outputs;
}

exports.assertNothingLeft = assertNothingLeft;
exports.assertOutcome = assertOutcome;
exports.assertUndisturbed = assertUndisturbed;
exports.buildLargeFile = buildLargeFile;
exports.filesOfOurs = filesOfOurs;
exports.forgetResults = forgetResults;
exports.fullTest = fullTest;
exports.isFull = isFull;
exports.quickTest = quickTest;
exports.setBuild = setBuild;
exports.shortTimeouts = shortTimeouts;
exports.startWorld = startWorld;
exports.withoutCache = withoutCache;
