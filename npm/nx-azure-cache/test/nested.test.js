'use strict';

// Nx stores what a task prints. A task that runs Nx itself must not print today's problems
// of the cache, because they would be restored on healthy machines.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  drains,
  fakeServer,
  runAsNx,
  temporaryFolder,
} = require('./fixture');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * A server with everything that ever led to output on stderr: its log, a failed request,
 * and a drain that shows its progress.
 *
 * @param {FakeServer} server
 */
function talkative(server) {
  server.reportsStored = false;
  server.on('retrieve', (_, respond) => {
    process.stderr.write('12:00 DBG rpc method=retrieve\n');
    respond.error(1, 'the storage responds with 503');
  });
  server.onDrain(() => {
    process.stderr.write('nx-azure-cache: storing 1 result\n');
    server.drained({ ended: 'limit', waiting: 1 });
  });
}

/** @param {Nx} nx */
async function run({ open, cacheDirectory }) {
  const cache = await open();
  await cache.retrieve('h', cacheDirectory);
  await cache.store('h', cacheDirectory, 'text', 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
}

const loud = { CI: 'true', NX_AZURE_CACHE_LOG: 'debug' };

/** @type {NodeJS.ProcessEnv[]} */
const tasks = [
  // Nx 20.0 to 24
  {
    NX_TASK_HASH: '123',
    NX_TASK_TARGET_PROJECT: 'app',
    NX_TASK_TARGET_TARGET: 'e2e',
  },
  { NX_TASK_HASH: '123' },
  { NX_TASK_TARGET_PROJECT: 'app' },
  { NX_FORKED_TASK_EXECUTOR: 'true' },
  { NX_INVOCATION_ROOT_PID: '12' },
  { NX_INVOCATION_ANCESTOR_PIDS: '12,13' },
];

describe('a run in a task', { concurrency: 3 }, () => {
  for (const task of tasks) {
    test(`prints nothing: ${Object.keys(task)}`, async (t) => {
      const binary = fakeServer(t, talkative);
      const { stderr } = await runAsNx(t, run, {
        ...{ binary, env: { ...loud, ...task }, exit: 3 },
      });
      assert.equal(stderr, '');
      assert.equal(drains(binary).length, 1);
    });
  }

  test('prints nothing when the cache is off', async (t) => {
    const { stderr } = await runAsNx(
      t,
      async ({ getRemoteCache }) => getRemoteCache(),
      { binary: '/nowhere', env: { ...loud, ...tasks[0] } },
    );
    assert.equal(stderr, '');
  });

  test('writes everything to the log file', async (t) => {
    const file = path.join(temporaryFolder(t), 'log');
    const binary = fakeServer(t, talkative);
    const { stderr } = await runAsNx(t, run, {
      binary,
      env: { ...loud, ...tasks[0], NX_AZURE_CACHE_LOG_FILE: file },
    });
    assert.equal(stderr, '');
    const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
    assert.equal(lines.length, 4, lines.join('\n'));
    assert.match(lines[0], /DBG rpc/);
    assert.match(lines[1], /^nx-azure-cache: .* the storage responds with 503/);
    assert.match(lines[2], /^nx-azure-cache: 1 result was not stored within/);
    assert.match(lines[3], /^nx-azure-cache: 0 hits, /);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  });

  test('ignores an unwritable log file', async (t) => {
    const { stderr } = await runAsNx(t, run, {
      binary: fakeServer(t, talkative),
      env: { ...loud, ...tasks[0], NX_AZURE_CACHE_LOG_FILE: '/nowhere/log' },
      exit: 3,
    });
    assert.equal(stderr, '');
  });
});

describe('a run that is not a task', { concurrency: 3 }, () => {
  /** @type {Record<string, NodeJS.ProcessEnv>} */
  const others = {
    'by itself': {},
    'with empty variables': { NX_TASK_HASH: '', NX_TASK_TARGET_PROJECT: '' },
    'by another command of Nx': { NX_CLI_SET: 'true', NX_VERSION: '24.0.6' },
  };
  for (const [what, env] of Object.entries(others)) {
    test(`${what} prints its line`, async (t) => {
      const { lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) =>
          (await open()).retrieve('h', cacheDirectory),
        { binary: fakeServer(t, talkative), env },
      );
      assertOneLine(lines, 'the storage responds with 503');
    });
  }
});
