'use strict';

// The users of a group share Nx's cache directory, and each has a checkout. One user's cache
// must not make another user's run fail.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { startFixture } = require('../kit/fixture');
const { isServer, processesOf, signal, until } = require('../kit/processes');
const { gate, on, pass } = require('../kit/http-faults');
const { assertStatus, build, runNx, tasks } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const { namesBelow } = require('../kit/tree');

/** @import { TestContext } from 'node:test' */
/** @import { Machine } from '../kit/machine' */

const group = 54300;
const [anna, ben] = [54301, 54302];

/**
 * Creates the group's cache directory. Its `machineOf` makes a machine that belongs to a user.
 *
 * @param {TestContext} t
 * @param {{ nx?: string }} options
 */
async function startGroup(t, options) {
  const fixture = await startFixture(t, options);
  const folder = path.join(shared().folder, fixture.container);
  const cacheDirectory = path.join(folder, 'cache');
  fs.mkdirSync(cacheDirectory, { recursive: true });
  fs.chownSync(cacheDirectory, 0, group);
  fs.chmodSync(cacheDirectory, 0o2775);
  for (const name of [shared().folder, folder]) fs.chmodSync(name, 0o711);
  return {
    ...fixture,
    cacheDirectory,
    /**
     * @param {string} name
     * @param {number} user
     */
    machineOf(name, user) {
      const machine = fixture.machine(name, {
        env: {
          NX_CACHE_DIRECTORY: cacheDirectory,
          NX_ALLOW_INSECURE_DIRECTORIES: 'true', // Nx 24 requires this for a group
          TMPDIR: path.join(folder, `tmp-${user}`),
        },
      });
      fs.mkdirSync(machine.env.TMPDIR ?? '', { recursive: true });
      giveTo(user, machine.env.TMPDIR ?? '', path.join(folder, name));
      machine.nx = (args, options) =>
        machine.run(
          'setpriv',
          [
            ...asUser(user),
            'sh',
            '-c',
            'umask 002; exec npx --no-install nx "$@"',
            'sh',
            ...args,
          ],
          options,
        );
      machine.cacheDirectory = () => cacheDirectory;
      return machine;
    },
  };
}

/** @param {number} user */
const asUser = (user) => [
  `--reuid=${user}`,
  `--regid=${user}`,
  `--groups=${group}`,
];

/**
 * Makes a user the owner of folders. The files of node_modules keep their owner, because all
 * machines share them.
 *
 * @param {number} user
 * @param {...string} folders
 */
function giveTo(user, ...folders) {
  const find = [...folders, '-path', '*/node_modules/*', '-prune', '-o'];
  const chown = ['-exec', 'chown', '-h', `${user}:${user}`, '{}', '+'];
  execFileSync('find', [...find, ...chown]);
}

for (const nx of ['22.7.12', undefined]) {
  const version = nx ?? 'newest';

  fullTest(`another-user_replaces_restored_results_${version}`, async (t) => {
    const { cacheDirectory, machine, machineOf } = await startGroup(t, {
      nx,
    });
    await runNx(machine('first'), build); // under the umask 022
    const a = machineOf('anna', anna);
    assert.deepEqual(await runNx(a, build), []);
    assertHits(a);
    assertFoldersOfGroup(cacheDirectory);
    // Nx replaces results that anna restored, as it does for new outputs.
    const b = machineOf('ben', ben);
    await runNx(b, build, { env: { NX_SKIP_REMOTE_CACHE: 'true' } });
    // Our cache replaces them too.
    for (const [name, user] of /** @type {const} */ ([
      ['anna-2', anna],
      ['ben-2', ben],
    ])) {
      const next = machineOf(name, user);
      assert.deepEqual(await runNx(next, build), []);
      assertHits(next);
      await assertNoFolder(cacheDirectory);
    }
  });

  fullTest(`another-user_is_running_or_was_killed_${version}`, async (t) => {
    const { cacheDirectory, machine, machineOf, recorder } = await startGroup(
      t,
      { nx },
    );
    await runNx(machine('first'), build);
    const held = gate(tasks.length);
    recorder.fault = on('GET', held.fault);
    const a = machineOf('anna', anna);
    const killed = a.nx(build);
    await held.arrived;
    recorder.fault = pass;
    const meanwhile = machineOf('ben', ben);
    assert.deepEqual(await runNx(meanwhile, build), []);
    assertHits(meanwhile);

    // The server is killed first; otherwise it would see that Nx has ended, and clean up.
    const byServer = processesOf(a).sort((x, y) => +isServer(y) - +isServer(x));
    for (const { pid } of byServer) signal(pid, 'SIGKILL');
    await killed;
    held.open();
    assert.equal(
      foldersIn(cacheDirectory).length,
      1,
      'the folder that anna left',
    );
    const later = machineOf('ben-2', ben);
    assert.deepEqual(await runNx(later, build), []);
    assertHits(later);
    const again = machineOf('anna-2', anna);
    assert.deepEqual(await runNx(again, build), []);
    assertHits(again);
    await assertNoFolder(cacheDirectory);
  });
}

/** @param {Machine} machine */
function assertHits(machine) {
  assertStatus(machine, 'remote-cache-hit');
}

/**
 * Asserts that all members of the group may change the restored folders.
 *
 * @param {string} cacheDirectory
 */
function assertFoldersOfGroup(cacheDirectory) {
  const modes = namesBelow(cacheDirectory)
    .filter((name) => /^\d{15,}(\/|$)/.test(name))
    .map((name) => fs.lstatSync(path.join(cacheDirectory, name)))
    .filter((stat) => stat.isDirectory())
    .map(({ mode, gid }) => `${(mode & 0o7777).toString(8)} ${gid}`);
  assert.ok(modes.length > tasks.length);
  assert.deepEqual([...new Set(modes)], [`2775 ${group}`]);
}

/** @param {string} cacheDirectory */
function foldersIn(cacheDirectory) {
  const parent = path.join(cacheDirectory, '.nx-azure-cache');
  if (!fs.existsSync(parent)) return [];
  return fs
    .readdirSync(parent)
    .filter((name) => !name.endsWith('.lock') && name !== 'last-run');
}

/**
 * Asserts that none of our folders is left, not even one of another user.
 *
 * @param {string} cacheDirectory
 */
async function assertNoFolder(cacheDirectory) {
  await until(() => foldersIn(cacheDirectory).length === 0, patience);
  assert.deepEqual(foldersIn(cacheDirectory), []);
}
