'use strict';

// A signal to Nx's process interrupts the run. Recording the signal must not change its
// effect.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertGone,
  assertOneLine,
  drains,
  environment,
  fakeServer,
  pids,
  packageFolder,
  temporaryFolder,
  withoutCode,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */
/** @import { FakeServer } from './fake-server' */

/**
 * A server that never reports the outcome of a result, and leaves a file when it exits by
 * itself. On SIGTERM it exits with code 0, like the real server.
 *
 * @param {FakeServer} server
 */
function silent(server) {
  server.reportsStored = false;
  if (server.isDrain) return;
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => process.exit());
  process.stdin.removeAllListeners('end').on('end', () => {
    require('node:fs').writeFileSync(`${process.argv[1]}.done`, '');
    process.exit();
  });
}

/**
 * Starts a process that acts as Nx, in a group of its own, and resolves when it has stored
 * two results.
 *
 * @param {TestContext} t
 * @param {string} binary
 * @param {{ before?: string, after?: string, env?: NodeJS.ProcessEnv, results?: number }} [script]
 *   what it does before and after it has opened the cache
 */
async function start(
  t,
  binary,
  { before = '', after = '', env = {}, results = 2 } = {},
) {
  const workspace = temporaryFolder(t);
  fs.writeFileSync(path.join(workspace, 'nx.json'), '{}');
  const main = path.join(workspace, 'nx.js');
  fs.writeFileSync(
    main,
    `${before}
    (async () => {
      const { getRemoteCache } = require(${JSON.stringify(packageFolder)});
      const cache = await getRemoteCache();
      ${after}
      for (let i = 0; i < ${results}; i++) {
        await cache.store('h' + i, ${JSON.stringify(path.join(workspace, 'cache'))}, '', 0);
      }
      require('node:fs').writeSync(1, 'ready');
      setInterval(() => {}, 1_000);
    })();`,
  );
  const run = spawn(process.execPath, [main], {
    cwd: workspace,
    detached: true,
    env: environment(workspace, { NX_AZURE_CACHE_BINARY: binary, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  let stdout = '';
  run.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  run.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  await once(run.stdout, 'data');
  return {
    run,
    ended: once(run, 'close'),
    said: () => stderr,
    told: () => stdout.replace('ready', ''),
  };
}

const ends = /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]);

/**
 * How programs listen to a signal. Each exits with `code`.
 *
 * @type {['before' | 'after', (signal: string, code: number) => string][]}
 */
const listeners = [
  [
    'before',
    (signal, code) => `process.on('${signal}', () => process.exit(${code}));`,
  ],
  [
    'after',
    (signal, code) => `process.on('${signal}', () => process.exit(${code}));`,
  ],
  [
    'after',
    (signal, code) =>
      `process.once('${signal}', () => setTimeout(() => process.exit(${code}), 50));`,
  ],
  // Another listener is added and removed.
  [
    'after',
    (signal, code) => `
    const other = () => {};
    process.on('${signal}', other);
    process.removeListener('${signal}', other);
    process.on('${signal}', () => process.exit(${code}));`,
  ],
];

describe('a run that a signal interrupts', { concurrency: 3 }, () => {
  for (const [signal, code] of ends) {
    for (const [i, [when, listen]] of listeners.entries()) {
      test(`${signal}, listener ${i}: waits for nothing; the server continues`, async (t) => {
        const binary = fakeServer(t, silent);
        const { run, ended, said } = await start(t, binary, {
          [when]: listen(signal, code),
          env: { CI: 'true' },
        });
        run.kill(signal);
        assert.deepEqual(await ended, [code, null]);
        assert.equal(said(), '');
        assert.deepEqual(drains(binary), []);
        for (const pid of pids(binary)) await assertGone(pid);
        assert.ok(fs.existsSync(`${binary}.done`));
      });
    }
  }

  test('its server also gets the signal: one line', async (t) => {
    const binary = fakeServer(t, silent);
    const { run, ended, said } = await start(t, binary, {
      // Nx 21 to 24 first end the tasks.
      before: `process.on('SIGTERM', () => setTimeout(() => process.exit(143), 800));`,
      env: { CI: 'true' },
    });
    process.kill(-Number(run.pid), 'SIGTERM');
    assert.deepEqual(await ended, [143, null]);
    assertOneLine(
      said().split('\n').slice(0, -1).map(withoutCode),
      /^nx-azure-cache: the run was cancelled: 2 results were not stored$/,
    );
    assert.deepEqual(drains(binary), []);
  });

  test('its server also gets the signal, with nothing to store: no line', async (t) => {
    const binary = fakeServer(t, silent);
    const { run, ended, said } = await start(t, binary, {
      before: `process.on('SIGTERM', () => setTimeout(() => process.exit(143), 800));`,
      results: 0,
    });
    process.kill(-Number(run.pid), 'SIGTERM');
    assert.deepEqual(await ended, [143, null]);
    assert.equal(said(), '');
  });

  test('an earlier error still gets its line', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
      process.on('SIGTERM', () => process.exit());
      server.on('retrieve', (_, respond) => respond.error(-32603, 'a bug'));
    });
    const { run, ended, said } = await start(t, binary, {
      before: `process.on('SIGTERM', () => setTimeout(() => process.exit(143), 800));`,
      after: `await cache.retrieve('h', process.cwd());`,
      results: 0,
    });
    process.kill(-Number(run.pid), 'SIGTERM');
    assert.deepEqual(await ended, [143, null]);
    assertOneLine(
      said().split('\n').slice(0, -1).map(withoutCode),
      'failed',
      ': a bug (',
    );
  });

  test('an earlier crash of the server is still reported', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
      setTimeout(() => process.exit(3), 1_000);
    });
    const { run, ended, said } = await start(t, binary, {
      before: `process.on('SIGTERM', () => process.exit(143));`,
    });
    for (const pid of pids(binary)) await assertGone(pid);
    await new Promise((resolve) => setTimeout(resolve, 500));
    run.kill('SIGTERM');
    assert.deepEqual(await ended, [143, null]);
    assert.match(
      said(),
      /exited with code 3; 2 results were not stored; .*report it/,
    );
  });
});

test('a server that is asked to exit on its own is not a bug', async (t) => {
  const binary = fakeServer(t, silent);
  const { run, ended, said } = await start(t, binary, {
    after: `process.on('SIGUSR2', () => process.exit(3));`,
  });
  for (const pid of pids(binary)) process.kill(pid, 'SIGTERM');
  for (const pid of pids(binary)) await assertGone(pid);
  await new Promise((resolve) => setTimeout(resolve, 500));
  run.kill('SIGUSR2');
  assert.deepEqual(await ended, [3, null]);
  assertOneLine(
    said().split('\n').slice(0, -1).map(withoutCode),
    /the cache process exited with code 0, as after SIGTERM; 2 results were not stored$/,
  );
});

describe('the effect of a signal does not change', { concurrency: 3 }, () => {
  for (const [signal] of ends) {
    test(`without a listener ${signal} ends the process`, async (t) => {
      const binary = fakeServer(t, silent);
      const { run, ended } = await start(t, binary);
      run.kill(signal);
      assert.deepEqual(await ended, [null, signal]);
      for (const pid of pids(binary)) await assertGone(pid);
    });
  }

  /** @type {Record<string, string>} */
  const removals = {
    'removeListener of the last one': `
      const listener = () => {};
      process.on('SIGTERM', listener);
      await 1;
      process.removeListener('SIGTERM', listener);`,
    'removeAllListeners of the signal': `
      process.on('SIGTERM', () => {});
      process.on('SIGTERM', () => {});
      await 1;
      process.removeAllListeners('SIGTERM');`,
    'removeAllListeners of all': `
      process.on('SIGTERM', () => {});
      process.removeAllListeners();`,
    // signal-exit sends the signal again if no one else listens.
    'a listener that counts': `
      process.on('SIGTERM', function listener() {
        if (process.listeners('SIGTERM').length !== 1) return;
        process.removeListener('SIGTERM', listener);
        process.kill(process.pid, 'SIGTERM');
      });`,
  };
  for (const when of ['before', 'after']) {
    for (const [what, script] of Object.entries(removals)) {
      if (when === 'before' && script.includes('await')) continue;
      test(`${what}, ${when}: SIGTERM ends the process`, async (t) => {
        const binary = fakeServer(t, silent);
        const { run, ended } = await start(t, binary, { [when]: script });
        run.kill('SIGTERM');
        assert.deepEqual(await ended, [null, 'SIGTERM']);
      });
    }
  }

  // Nx looks for a cache under two names, and each may be a copy of this package.
  test('a second copy of the module adds no listener', async (t) => {
    const binary = fakeServer(t, silent);
    const signals = JSON.stringify(require.resolve('../lib/signals'));
    const { run, ended, said } = await start(t, binary, {
      after: `
        delete require.cache[${signals}];
        require(${signals}).watchSignals();
        const listener = () => {};
        process.on('SIGTERM', listener);
        process.removeListener('SIGTERM', listener);`,
    });
    run.kill('SIGTERM');
    assert.deepEqual(await ended, [null, 'SIGTERM']);
    assert.equal(said(), '');
  });

  test('Node does not warn early about too many listeners', async (t) => {
    const binary = fakeServer(t, silent);
    const { run, ended, said } = await start(t, binary, {
      after: `for (let i = 0; i < 10; i++) process.on('SIGTERM', () => process.exit(0));`,
    });
    run.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    assert.equal(said(), '');
  });
});

describe('a run that waits for its results', { concurrency: 3 }, () => {
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) {
    test(`${signal} to Nx alone ends it at once`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.reportsStored = false;
        const { ppid } = process;
        server.onDrain(() => {
          // Like the real one, it exits with its parent.
          setInterval(() => process.ppid !== ppid && process.exit(), 50);
        });
      });
      const { run, ended, said } = await start(t, binary, {
        before: `process.on('${signal}', () => {});
          process.on('SIGUSR2', () => process.exit(3));`,
      });
      run.kill('SIGUSR2');
      while (drains(binary).length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      run.kill(signal);
      assert.deepEqual(await ended, [null, signal]);
      assert.equal(said(), '');
      for (const pid of pids(binary)) await assertGone(pid);
    });
  }
});

describe('a suspended server', { concurrency: 2 }, () => {
  for (const results of [0, 1]) {
    test(`is gone after the run; ${results} stored`, async (t) => {
      const binary = fakeServer(t);
      const { run, ended, said } = await start(t, binary, {
        before: `process.on('SIGUSR2', () => process.exit(3));`,
        results,
      });
      const [pid] = pids(binary);
      // By then it has reported that nothing is left.
      await new Promise((resolve) => setTimeout(resolve, 200));
      process.kill(pid, 'SIGSTOP');
      run.kill('SIGUSR2');
      assert.deepEqual(await ended, [3, null]);
      assert.equal(said(), '');
      await assertGone(pid);
    });
  }
});
