'use strict';

// The summary line in CI, with NX_AZURE_CACHE_SUMMARY, and with NX_VERBOSE_LOGGING.

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
const {
  drainArguments,
  retrieve,
  silentWith,
  store,
} = require('./drain-fixture');

/** @import { FakeServer } from './fake-server' */

describe('the summary', { concurrency: 3 }, () => {
  const full = {
    ended: 'limit',
    waiting: 9,
    summary: {
      ...{ hits: 1, misses: 2, stored: 3, existing: 4, damaged: 5 },
      ...{
        skipped: 6,
        evicted: 10,
        failed: 7,
        bytesRead: 1_234_567,
        bytesWritten: 9,
      },
    },
  };

  for (const env of [
    { CI: 'true' },
    { GITHUB_ACTIONS: 'true' },
    { NX_VERBOSE_LOGGING: 'true' },
    { CI: 'true', NX_VERBOSE_LOGGING: 'true' },
  ]) {
    test(`is one line with ${Object.keys(env)}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        const summary = { hits: 1, misses: 1, stored: 2, bytesRead: 2_000_000 };
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ mode: 'read-only' })),
        );
        server.onDrain(() => server.drained({ summary }));
      });
      const { lines, cacheDirectory } = await runAsNx(t, retrieve, {
        ...{ binary, env, exit: 0 },
      });
      assertOneLine(
        lines,
        /^nx-azure-cache: 1 hit, 1 miss, 2 stored, 2\.0 MB read, 0 B written, \d+\.\d s waited, read-only, scope local \(not in CI\), https:\/\/acme\.blob\.core\.windows\.net\/nx-cache$/,
      );
      assert.deepEqual(drains(binary), [
        drainArguments(cacheDirectory, '1000ms'),
      ]);
    });
  }

  for (const [saved, says] of /** @type {const} */ ([
    [undefined, ': 3 hits, 0 misses, '],
    [0, ': 3 hits, 0 misses, '],
    [1, ': 3 hits, 0 misses, '], // less than Nx waited
    [7_500_000, ': 3 hits saved 2 h 5 min, 0 misses, '],
  ])) {
    test(`says what hits of ${saved} ms have saved`, async (t) => {
      const binary = fakeServer(
        t,
        (server, saved) => {
          const summary = { hits: 3, saved };
          server.onDrain(() => server.drained({ summary }));
        },
        saved,
      );
      const env = { NX_AZURE_CACHE_SUMMARY: '1' };
      const { lines } = await runAsNx(t, retrieve, { binary, env, exit: 0 });
      assertOneLine(lines, says);
    });
  }

  for (const [env, isShown] of /** @type {const} */ ([
    [{ NX_AZURE_CACHE_SUMMARY: '1' }, true],
    [{ NX_AZURE_CACHE_SUMMARY: ' True ' }, true],
    [{ NX_AZURE_CACHE_SUMMARY: '0', CI: 'true' }, false],
    [{ NX_AZURE_CACHE_SUMMARY: 'false', NX_VERBOSE_LOGGING: 'true' }, false],
    [{ NX_AZURE_CACHE_SUMMARY: '', CI: 'true' }, true],
    [{ NX_AZURE_CACHE_SUMMARY: '' }, false],
  ])) {
    test(`with ${JSON.stringify(env)}`, async (t) => {
      const binary = fakeServer(t);
      const { lines } = await runAsNx(t, retrieve, { binary, env, exit: 0 });
      assert.deepEqual(
        lines.map((line) => line.replace(/, .*/, '')),
        isShown ? ['nx-azure-cache: 0 hits'] : [],
      );
    });
  }

  test('a wrong value of the variable is reported', async (t) => {
    const binary = fakeServer(t);
    const env = { NX_AZURE_CACHE_SUMMARY: 'yes' };
    const { lines } = await runAsNx(t, retrieve, { binary, env, exit: 0 });
    assertOneLine(lines, 'NX_AZURE_CACHE_SUMMARY is "yes"; allowed are 1 and');
  });

  test('a .env file does not set the variable', async (t) => {
    const binary = fakeServer(t);
    const workspace = temporaryFolder(t);
    fs.writeFileSync(
      path.join(workspace, '.env'),
      'NX_AZURE_CACHE_SUMMARY=false\n',
    );
    const { lines } = await runAsNx(
      t,
      async (nx) => {
        process.env.NX_AZURE_CACHE_SUMMARY = 'false'; // as Nx does
        await nx.open();
      },
      { ...{ binary, workspace }, env: { CI: 'true' } },
    );
    assertOneLine(lines, ': 0 hits, ');
  });

  for (const [env, azure, by] of /** @type {const} */ ([
    [{}, { localMode: 'read-only', ciMode: 'read-write' }, 'azure.localMode'],
    [{ CI: 'true' }, { ciMode: 'read' }, 'azure.ciMode'],
    [{ CI: 'true' }, { localMode: 'read-only' }, 'its scope'],
    [
      { NX_POWERPACK_CACHE_MODE: 'read-only' },
      { localMode: 'read' },
      'NX_POWERPACK_CACHE_MODE',
    ],
    [
      { NX_POWERPACK_CACHE_MODE: 'read-write' },
      { localMode: 'read' },
      'its scope',
    ],
    [{}, undefined, 'its scope'],
  ])) {
    test(`counts what is not stored in a run that is read-only by ${by}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ mode: 'read-only' })),
        );
      });
      const { lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          for (const code of [0, 1, 0]) {
            await cache.store(`h${code}`, cacheDirectory, '', code);
          }
        },
        {
          ...{ binary, nxJson: JSON.stringify({ azure }) },
          env: { ...env, NX_AZURE_CACHE_SUMMARY: '1' },
        },
      );
      assertOneLine(
        lines,
        `, 0 stored, 2 not stored (read-only by ${by}, NXAC111), 0 B`,
      );
    });
  }

  test('says nothing about a read-only run that stores nothing', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ mode: 'read-only' })),
      );
    });
    const { lines } = await runAsNx(t, retrieve, {
      ...{ binary, env: { CI: 'true' } },
    });
    assertOneLine(lines, ', 0 stored, 0 B read, ');
  });

  for (const env of [{}, { CI: 'false' }, { NX_VERBOSE_LOGGING: 'false' }]) {
    test(`is not printed with ${JSON.stringify(env)}`, async (t) => {
      const binary = fakeServer(t);
      const { lines } = await runAsNx(t, retrieve, { binary, env, exit: 0 });
      assert.deepEqual(lines, []);
      assert.deepEqual(drains(binary), []);
    });
  }

  test('names rare outcomes if there are any', async (t) => {
    const binary = fakeServer(t, silentWith, full);
    const { lines } = await runAsNx(t, store, {
      ...{ binary, args: 1, env: { CI: 'true' } },
    });
    assert.equal(lines.length, 3);
    assert.match(
      lines[0],
      /: 10 results were not stored: Nx deleted their outputs/,
    );
    assert.match(lines[1], /: 9 results were not stored within 60 s/);
    assert.match(
      lines[2],
      /: 1 hit, 2 misses, 3 stored, 4 existing, 5 damaged, 6 skipped, 10 evicted, 7 failed, 9 unfinished, 1\.2 MB read, 9 B written, \d+\.\d s waited, read-write, scope local \(not in CI\), https:/,
    );
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const failures = {
    'publishes nothing': (server) => server.drained({ ended: 'limit' }),
    'is gone': (server) => server.drained({ ended: 'gone' }),
    'cannot be reached': () => process.exit(7),
  };
  for (const [what, failure] of Object.entries(failures)) {
    test(`of a server that ${what} is skipped`, async (t) => {
      const script = `(server) => server.onDrain(() => (${failure})(server))`;
      const binary = fakeServer(t, /** @type {any} */ (script));
      const { lines, cacheDirectory } = await runAsNx(t, retrieve, {
        ...{ binary, exit: 3, env: { CI: 'true' } },
      });
      assert.deepEqual(lines, []); // there was nothing to store
      assert.deepEqual(drains(binary), [
        drainArguments(cacheDirectory, '1000ms'),
      ]);
    });
  }

  test('of a run without requests needs no drain', async (t) => {
    const binary = fakeServer(t);
    const { lines } = await runAsNx(
      t,
      async ({ open }) => void (await open()),
      {
        ...{ binary, env: { CI: 'true' } },
      },
    );
    assertOneLine(lines, ': 0 hits, 0 misses, 0 stored, ');
    assert.deepEqual(drains(binary), []);
  });

  test('counts the time that Nx waited, including drain', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', (_, respond) =>
        setTimeout(() => respond.result(null), 1_100),
      );
      server.onDrain(() => setTimeout(() => server.drained(), 1_100));
    });
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const call = () => cache.retrieve('h', cacheDirectory);
        return Promise.all(Array.from({ length: 20 }, call));
      },
      { binary, env: { CI: 'true' } },
    );
    const seconds = Number(/(\d+\.\d) s waited/.exec(lines[0])?.[1]);
    assert.ok(seconds >= 2.2, lines[0]);
    assert.ok(seconds < 20, lines[0]); // the calls are not added up
  });

  test('is not printed if the server died', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', () => process.exit(1)),
    );
    const { lines } = await runAsNx(t, retrieve, {
      binary,
      env: { CI: 'true' },
    });
    assertOneLine(lines, 'exited with code 1');
    assert.deepEqual(drains(binary), []);
  });

  for (const results of [1, 2]) {
    test(`a server that died with ${results} to store is reported`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.reportsStored = false;
        server.on('retrieve', () => process.exit(1));
      });
      const { lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }, results) => {
          const cache = await open();
          for (let i = 0; i < results; i++) {
            await cache.store(`h${i}`, cacheDirectory, '', 0);
          }
          return cache.retrieve('h', cacheDirectory);
        },
        { binary, args: results, env: { CI: 'true' } },
      );
      assertOneLine(
        lines,
        results === 1
          ? 'exited with code 1; 1 result was not stored; if it happens'
          : 'exited with code 1; 2 results were not stored; if it happens',
      );
      assert.deepEqual(drains(binary), []);
    });
  }

  test('a server that died before its response arrived is reported', async (t) => {
    const { lines } = await runAsNx(t, async ({ packageFolder }) => {
      const { Run } = require(`${packageFolder}/lib/run.js`);
      const client = { ended: true, waited: 0, resume: () => {} };
      const session = { session: 's', idleTimeout: 1, drain: 1 };
      const run = new Run({
        ...{ binary: '/nowhere', client, session, showsSummary: true },
      });
      run.storeSent();
      run.storeSent();
      run.lost('it is gone');
      run.storeAnswered(true);
      run.storeAnswered(true);
      run.end(0);
    });
    assertOneLine(lines, 'it is gone; 2 results were not stored; ');
  });

  test('a server that has just died is reported as gone', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
      server.on('store', (_, respond) => {
        respond.result({ queued: true, reason: '' });
        process.kill(process.pid, 'SIGKILL');
      });
      server.onDrain(() => server.drained({ ended: 'gone' }));
    });
    const { lines } = await runAsNx(t, store, { binary, args: 1, exit: 3 });
    // Either side may notice the exit first. Both lines name the result.
    assertOneLine(
      lines,
      /exited before it stored its results|1 result was not stored/,
    );
  });
});
