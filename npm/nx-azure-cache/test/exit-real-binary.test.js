'use strict';

// How a run with the real binary ends while results are being stored.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const {
  buildBlobService,
  startBlobService,
} = require('../../../scripts/kit/blob-service');
const { buildServer } = require('../../../scripts/kit/sessions/programs');
const {
  assertGone,
  assertOneLine,
  environment,
  pids,
  runAsNx,
  root,
  packageFolder,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */
/** @import { Nx } from './fixture' */

const license = fs.readFileSync(
  path.join(root, 'testdata/license/valid.jwt'),
  'utf8',
);

/** The folder of the real binary. */
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-real-'));
const real = path.join(home, 'nx-azure-cache');
let blobService = '';

before(async () => {
  await buildServer(home, 'development');
  blobService = await buildBlobService(home);
});
after(() => fs.rmSync(home, { recursive: true, force: true }));

/**
 * A slow storage, and the options for a run that uses it.
 *
 * @param {TestContext} t
 * @param {number} putTakes milliseconds
 * @param {object} [timeouts] of nx.json
 */
async function slowStorage(t, putTakes, timeouts) {
  const storage = await startBlobService(t, blobService);
  if (putTakes > 0) {
    await storage.addFault({
      method: 'PUT',
      action: 'hold',
      holdFor: putTakes,
    });
  }
  const count = async () => (await storage.names('nx-cache')).length;
  const binary = path.join(temporaryFolder(t), 'binary');
  // Records its process ID, so that the test can check that it is gone.
  writeExecutable(
    binary,
    `#!/bin/sh\nprintf "$$ " >>"$0.pids"\nexec '${real}' "$@"\n`,
  );
  const options = {
    binary,
    env: {
      AZURE_STORAGE_CONNECTION_STRING: storage.connectionString,
      NX_POWERPACK_LICENSE: license,
    },
    nxJson: JSON.stringify({ azure: { container: 'nx-cache', timeouts } }),
  };
  return { count, binary, options };
}

/**
 * Stores some results, each under its own hash.
 *
 * @param {Nx} nx
 * @param {number[]} hashes
 */
async function store({ open, cacheDirectory }, hashes) {
  const fs = require('node:fs');
  const cache = await open();
  return Promise.all(
    hashes.map((hash) => {
      fs.mkdirSync(`${cacheDirectory}/${hash}`, { recursive: true });
      fs.writeFileSync(`${cacheDirectory}/${hash}/a.js`, `content ${hash}\n`);
      return cache.store(`${hash}`, cacheDirectory, 'x'.repeat(300_000), 0);
    }),
  );
}

const three = [1, 2, 3];
/** The code of a process that continues. */
const stay = 'setInterval(() => {}, 1_000);';
const allTrue = [true, true, true];

/**
 * Runs `store` in a process group of its own.
 *
 * @param {TestContext} t
 * @param {Awaited<ReturnType<typeof slowStorage>>} slow
 * @param {string} first what the process does at its start
 * @param {string} last what it does once all is accepted
 */
async function start(t, { options: { binary, env, nxJson } }, first, last) {
  const workspace = temporaryFolder(t);
  const cacheDirectory = path.join(workspace, '.nx', 'cache');
  fs.mkdirSync(cacheDirectory, { recursive: true });
  fs.writeFileSync(path.join(workspace, 'nx.json'), nxJson);
  const main = path.join(workspace, 'nx.js');
  fs.writeFileSync(
    main,
    `${first}
    const { getRemoteCache } = require(${JSON.stringify(packageFolder)});
    const cacheDirectory = ${JSON.stringify(cacheDirectory)};
    (${store})({ open: getRemoteCache, cacheDirectory }, [1, 2, 3]).then(() => {
      require('node:fs').writeSync(1, 'accepted');
      ${last}
    });`,
  );
  const run = spawn(process.execPath, [main], {
    cwd: workspace,
    detached: true,
    env: environment(workspace, { ...env, NX_AZURE_CACHE_BINARY: binary }),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  run.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  await once(run.stdout, 'data');
  const ended = once(run, 'exit');
  return { run, ended, cacheDirectory, said: () => stderr };
}

/**
 * Asserts that all processes are gone and only results are left.
 *
 * @param {string} binary
 * @param {string} cacheDirectory
 */
async function assertClean(binary, cacheDirectory) {
  for (const pid of pids(binary)) await assertGone(pid);
  assert.deepEqual(fs.readdirSync(cacheDirectory), ['1', '2', '3']);
}

describe('the end of a run', { concurrency: 2 }, () => {
  for (const exit of [0, 3]) {
    test(`waits for its results; exit ${exit}`, async (t) => {
      const fixture = await slowStorage(t, 1_500);
      const last = `process.exitCode = ${exit};`;
      const { ended, cacheDirectory, said } = await start(t, fixture, '', last);
      assert.deepEqual(await ended, [exit, null]);
      assert.equal(await fixture.count(), 3, 'it has not waited');
      // drain's only line, if stderr is not a terminal.
      if (said()) assert.match(said(), /^nx-azure-cache: storing .* left\n$/);
      await assertClean(fixture.binary, cacheDirectory);
    });
  }

  test('prints one line in CI', async (t) => {
    const { options } = await slowStorage(t, 0);
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).retrieve('1', cacheDirectory),
      {
        ...options,
        env: {
          ...options.env,
          ...{ CI: 'true', NX_AZURE_CACHE_REF: 'refs/pull/7' },
        },
      },
    );
    assertOneLine(
      lines,
      /^nx-azure-cache: 0 hits, 1 miss, 0 stored, .*, read-write, scope pr-7 \(.*\), http:\/\/127\.0\.0\.1:\d+\/devstoreaccount1\/nx-cache$/,
    );
  });

  test('by kill -9: the server finishes and exits', async (t) => {
    const fixture = await slowStorage(t, 2_000);
    const { run, ended, cacheDirectory } = await start(t, fixture, '', stay);
    run.kill('SIGKILL');
    await ended;
    assert.equal(await fixture.count(), 0, 'it was too fast');
    await assertClean(fixture.binary, cacheDirectory);
    assert.equal(await fixture.count(), 3);
  });

  test('by Ctrl-C to the whole group: the server finishes and exits', async (t) => {
    const fixture = await slowStorage(t, 2_000);
    const { run, ended, cacheDirectory, said } = await start(
      t,
      fixture,
      "process.on('SIGINT', () => process.exit(130));",
      stay,
    );
    process.kill(-Number(run.pid), 'SIGINT');
    assert.deepEqual(await ended, [130, null]);
    assert.equal(await fixture.count(), 0, 'it has waited');
    await assertClean(fixture.binary, cacheDirectory);
    assert.equal(await fixture.count(), 3);
    assert.equal(said(), '');
  });

  for (const [signal, code] of /** @type {const} */ ([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])) {
    test(`by ${signal}: the server finishes and exits`, async (t) => {
      const fixture = await slowStorage(t, 2_000);
      const { run, ended, cacheDirectory } = await start(
        t,
        fixture,
        `process.on('${signal}', () => process.exit(${code}));`,
        stay,
      );
      run.kill(signal);
      assert.deepEqual(await ended, [code, null]);
      assert.equal(await fixture.count(), 0, 'it has waited');
      await assertClean(fixture.binary, cacheDirectory);
      assert.equal(await fixture.count(), 3);
    });
  }

  test('by Ctrl-C while it waits: it stops waiting', async (t) => {
    const fixture = await slowStorage(t, 8_000);
    const { run, ended, cacheDirectory, said } = await start(
      t,
      fixture,
      "process.on('SIGINT', () => {});",
      'process.exit(3);',
    );
    await sleep(2_500);
    process.kill(-Number(run.pid), 'SIGINT');
    assert.deepEqual(await ended, [3, null]);
    assert.equal(await fixture.count(), 0, 'it has waited');
    assert.match(said(), /3 results are still being stored, for at most 60 s/);
    await assertClean(fixture.binary, cacheDirectory);
    assert.equal(await fixture.count(), 3);
  });

  for (const drain of ['0s', '500ms']) {
    test(`waits no longer than timeouts.drain, ${drain}`, async (t) => {
      const { count, binary, options } = await slowStorage(t, 20_000, {
        drain,
      });
      const { report, lines, cacheDirectory } = await runAsNx(t, store, {
        ...{ ...options, exit: 3, args: three },
      });
      assert.deepEqual(report, allTrue);
      assertOneLine(lines, '3 results were not stored within ', 'drain');
      assert.equal(await count(), 0);
      await assertClean(binary, cacheDirectory);
    });
  }

  test('of two concurrent runs in one cache directory', async (t) => {
    const { count, binary, options } = await slowStorage(t, 300);
    const workspace = temporaryFolder(t);
    const run = () =>
      runAsNx(t, store, { ...{ ...options, workspace, args: three, exit: 0 } });
    const both = await Promise.all([run(), run()]);
    for (const { report, lines } of both) {
      assert.deepEqual(lines, []);
      assert.deepEqual(report, allTrue);
    }
    assert.equal(await count(), 3);
    await assertClean(binary, both[0].cacheDirectory);
  });

  test('the next server removes the leftovers of a killed one', async (t) => {
    const { count, binary, options } = await slowStorage(t, 4_000);
    const workspace = temporaryFolder(t);
    const killed = await runAsNx(
      t,
      /** @type {(nx: Nx, binary: string) => Promise<unknown>} */ (
        /** @type {unknown} */ (
          `async (nx, binary) => {
          await (${store})(nx, [1, 2, 3]);
          const pid = require('node:fs').readFileSync(binary + '.pids', 'utf8');
          process.kill(Number(pid), 'SIGKILL');
          // A failing call shows that the client has noticed the exit.
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          return (await nx.filesIn(nx.cacheDirectory)).length;
        }`
        )
      ),
      { ...options, workspace, args: binary },
    );
    assert.ok(Number(killed.report) > 3, 'it has left nothing');
    assertOneLine(killed.lines, 'SIGKILL', '3 results were not stored');
    assert.equal(await count(), 0);

    const next = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).retrieve('9', cacheDirectory),
      { ...options, workspace },
    );
    assert.deepEqual(next.lines, []);
    await assertClean(binary, next.cacheDirectory);
  });

  test('names a result that cannot be stored, and its file', async (t) => {
    const { options } = await slowStorage(t, 0);
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        require('node:fs').mkdirSync(`${cacheDirectory}/1`);
        require('node:child_process').execFileSync('mkfifo', [
          `${cacheDirectory}/1/pipe`,
        ]);
        return cache.store('1', cacheDirectory, '', 0);
      },
      { ...options, exit: 0 },
    );
    assert.equal(report, true);
    assertOneLine(lines, 'the result 1 ', 'pipe');
  });
});
