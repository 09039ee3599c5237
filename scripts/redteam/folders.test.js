'use strict';

// Folders in Nx's cache directory that a repository, or another user of the machine, made.

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { buffer } = require('node:stream/consumers');
const zlib = require('node:zlib');
const { onReadOf } = require('../kit/http-faults');
const { serversGone } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { readTree } = require('../kit/tree');
const { artifact } = require('./artifacts');
const { assertHonest, redTest } = require('./attacks');
const { honest, poisoned, startFixture } = require('./fixture');
const { push } = require('./runs');
const { metadataOf } = require('./storage');
const { output, program } = require('./workspace');

/** @import { TestContext } from 'node:test' */
/** @import { Machine } from '../kit/machine' */

redTest('symlinked_folder', async (t) => {
  const fixture = await startFixture(t, {});
  const victim = fixture.machine('victim', push('main'));
  // A person's files, some with names like the cache's own.
  const documents = path.join(victim.home, 'documents');
  for (const name of ['thesis', '4711-abcdefgh/draft', '4711-abcdefgh.lock']) {
    write(path.join(documents, name), 'ten years of work');
  }
  const before = readTree(documents, { times: true });
  // The repository commits this link, and nx.json puts the cache beside it.
  const cacheDirectory = path.join(victim.workspace, '.nx', 'cache');
  fs.mkdirSync(cacheDirectory, { recursive: true });
  const folder = path.join(cacheDirectory, '.nx-azure-cache');
  fs.symlinkSync('../../../home/documents', folder);
  setCacheDirectory(victim, '.nx/cache');

  const outcome = await fixture.build(victim);
  assert.deepEqual(readTree(documents, { times: true }), before);
  assertHonest(outcome, /\.nx-azure-cache is a symbolic link.*: delete it$/);
  assert.equal(fs.readlinkSync(folder), '../../../home/documents');
});

/** IDs of two users of one machine. */
const victimID = 1001;
const attackerID = 1002;

redTest('two_users', async (t) => {
  if (!isRoot()) return;
  // Nx 24 rejects a cache directory for all users, unless a variable allows it; older
  // versions accept one. The cache then trusts only its own folders.
  const { outcome, isAttacked, bystander } = await runBesideAttacker(t, {
    cacheDirectory: ({ home }) => path.join(home, '.nx', 'agent', 'cache'),
    env: { NX_ALLOW_INSECURE_DIRECTORIES: 'true' },
  });
  assert.ok(isAttacked, 'the attack was not tried');
  assert.equal(bystander, 'alive', 'a process of the victim was ended');
  // Either the server had opened its folder, and used that; or it was about to check
  // the folder, and then uses none.
  if (outcome.status === 'cache-miss') {
    assertHonest(outcome, /belongs to user 1002 .*: delete it/);
  } else {
    assert.equal(outcome.content, honest);
    assert.deepEqual(outcome.lines, []);
  }
});

redTest(
  'two_users_in_the_workspace',
  async (t) => {
    if (!isRoot()) return;
    // Nx trusts folders in the workspace. The attacker has made the cache's folder.
    const { outcome, isAttacked, bystander } = await runBesideAttacker(t, {
      cacheDirectory: ({ workspace }) => path.join(workspace, '.nx', 'cache'),
      env: {},
    });
    assert.ok(!isAttacked, 'the server requested an entry');
    assert.equal(bystander, 'alive', 'a process of the victim was ended');
    assertHonest(outcome, /\.nx-azure-cache belongs to user 1002 .*delete/);
  },
  { isFull: true },
);

/**
 * Whether this process can act as two users. In CI it must.
 */
function isRoot() {
  if (process.getuid?.() === 0) return true;
  assert.ok(!process.env.CI, 'run as root: this needs two users');
  console.log('Not root: this test needs two users, and is skipped.');
  return false;
}

/**
 * Builds on a machine where another user, the attacker, has prepared the cache
 * directory and swaps the cache's folder while the entry arrives. The result that
 * is renamed in the end would be the attacker's, and so would the state that names
 * the process to end.
 *
 * @param {TestContext} t
 * @param {{ cacheDirectory: (machine: Machine) => string, env: NodeJS.ProcessEnv }} options
 */
async function runBesideAttacker(t, { cacheDirectory: cacheDirectoryOf, env }) {
  const fixture = await startFixture(t, {});
  const content = await artifact({ content: honest });
  await fixture.plant({ content, metadata: metadataOf(content) });

  const machine = fixture.machine('victim', push('main'), {
    env: { ...env, TMPDIR: '/tmp' },
  });
  const cacheDirectory = cacheDirectoryOf(machine);
  machine.env.NX_CACHE_DIRECTORY = cacheDirectory;
  fs.mkdirSync(cacheDirectory, { recursive: true });
  handOver(machine);
  fs.chmodSync(cacheDirectory, 0o1777);
  const folder = path.join(cacheDirectory, '.nx-azure-cache');
  fs.mkdirSync(folder);
  fs.chmodSync(folder, 0o1777);
  fs.chownSync(folder, attackerID, attackerID);

  const bystander = spawn('sleep', ['600'], { uid: victimID, gid: victimID });
  t.after(() => bystander.kill('SIGKILL'));
  let isAttacked = false;
  fixture.recorder.fault = onReadOf('trusted', async ({ ask, response }) => {
    const passedOn = await ask();
    const body = await buffer(passedOn);
    response.writeHead(passedOn.statusCode ?? 0, passedOn.headers);
    if (passedOn.statusCode === 206) {
      response.write(body.subarray(0, -1));
      await swap(folder, Number(bystander.pid));
      isAttacked = true;
    }
    response.end(body.subarray(-1));
  });
  const outcome = await fixture.build(machine);
  return {
    outcome,
    isAttacked,
    bystander: bystander.signalCode ?? 'alive',
  };
}

/**
 * Lets the attacker replace the folder of the only server, once the server has
 * opened it.
 *
 * @param {string} parent
 * @param {number} processID that the state names
 */
async function swap(parent, processID) {
  const session = await openedSession(parent);
  const text = JSON.stringify({
    ...{ processId: processID, waiting: 1, bytes: 1, problems: null },
    summary: { hits: 1 },
  });
  const sum = zlib.crc32(text).toString(16).padStart(8, '0');
  const plan = {
    folder: path.join(parent, session),
    files: Object.fromEntries([
      ['state', `${sum} ${text}`],
      ...Array.from({ length: 20 }, (_, i) => [`${i}/${output}`, poisoned]),
    ]),
  };
  const { status, stderr } = spawnSync(
    process.execPath,
    ['-e', `(${attack})(${JSON.stringify(plan)})`],
    { uid: attackerID, gid: attackerID, cwd: '/', encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
}

/**
 * Runs as the attacker, in a process of that user.
 *
 * @param {{ folder: string, files: Record<string, string> }} plan
 */
function attack({ folder, files }) {
  const fs = require('node:fs');
  const path = require('node:path');
  process.umask(0);
  fs.renameSync(folder, `${folder}.moved`);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content, { mode: 0o444 }); // so that it stays forged
  }
}

/**
 * Waits until a server has opened its folder.
 *
 * @param {string} parent
 */
async function openedSession(parent) {
  for (let waited = 0; waited < 10_000; waited += 5) {
    for (const session of fs.readdirSync(parent)) {
      const [pid] = session.split('-');
      if (!session.endsWith('.lock') && hasOpen(pid, parent, session)) {
        return session;
      }
    }
    await sleep(5);
  }
  throw new Error('no server has opened its folder');
}

/**
 * @param {string} pid
 * @param {string} parent
 * @param {string} session
 */
function hasOpen(pid, parent, session) {
  const descriptors = `/proc/${pid}/fd`;
  return fs.readdirSync(descriptors).some((name) => {
    try {
      const target = fs.readlinkSync(path.join(descriptors, name));
      return target === path.join(parent, session);
    } catch {
      return false; // it was closed just now
    }
  });
}

/**
 * Gives a machine to the victim, who may then run Nx there. All machines share
 * the files of node_modules, which keep their owner.
 *
 * @param {Machine} machine
 */
function handOver(machine) {
  const top = path.dirname(machine.home);
  for (const folder of [shared().folder, path.dirname(top), top]) {
    fs.chmodSync(folder, 0o755);
  }
  giveAway(machine.home);
  giveAway(machine.workspace);
  const user = [`--reuid=${victimID}`, `--regid=${victimID}`, '--clear-groups'];
  const nx = program(machine, 'nx');
  machine.nx = async (args, options) => {
    const result = await machine.run(
      'setpriv',
      [...user, nx, ...args],
      options,
    );
    await serversGone(machine);
    return result;
  };
}

/** @param {string} file */
function giveAway(file) {
  fs.lchownSync(file, victimID, victimID);
  if (!fs.lstatSync(file).isDirectory()) return;
  for (const name of fs.readdirSync(file)) {
    if (name !== 'node_modules') giveAway(path.join(file, name));
  }
}

/**
 * Sets the cache directory in a file that does not change the hash of the task.
 *
 * @param {Machine} machine
 * @param {string} cacheDirectory
 */
function setCacheDirectory({ workspace }, cacheDirectory) {
  const file = path.join(workspace, 'node_modules/company-preset/nx.json');
  const preset = JSON.parse(fs.readFileSync(file, 'utf8'));
  fs.writeFileSync(file, JSON.stringify({ ...preset, cacheDirectory }));
}

/**
 * @param {string} file
 * @param {string} content
 */
function write(file, content) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}
