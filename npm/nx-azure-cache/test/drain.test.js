'use strict';

// A run stores what it has accepted before it ends, within a limit, and keeps its exit
// code.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, drains, fakeServer, runAsNx } = require('./fixture');
const { drainArguments, retrieve, silent, store } = require('./drain-fixture');

describe('results that are not stored at the end', { concurrency: 3 }, () => {
  // Nx exits with 130, 143 or 129 after a signal; Nx 21 to 23 also exit with 130 after a failure.
  for (const exit of [undefined, 0, 1, 3, 130, 143, 129]) {
    test(`delay the end once; exit ${exit ?? 'by itself'}`, async (t) => {
      const binary = fakeServer(t, silent);
      const { report, lines, cacheDirectory } = await runAsNx(t, store, {
        ...{ binary, exit, args: 3 },
      });
      assert.deepEqual(report, [true, true, true]);
      assert.deepEqual(lines, []);
      assert.deepEqual(drains(binary), [drainArguments(cacheDirectory)]);
    });
  }

  test('do not change process.exitCode', async (t) => {
    const binary = fakeServer(t, silent);
    const run = runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        await (await open()).store('h', cacheDirectory, '', 0);
        process.exitCode = 3;
      },
      { binary },
    );
    await assert.rejects(run, /3 !== 0/);
    assert.equal(drains(binary).length, 1);
  });

  test('the server sets the limit', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ session: '1-x', drain: 0 })),
      );
    });
    const { cacheDirectory } = await runAsNx(t, store, { binary, args: 1 });
    assert.deepEqual(drains(binary), [
      `--folder ${cacheDirectory}/.nx-azure-cache/1-x --limit 0ms --silence 30000ms --parent PPID`,
    ]);
  });

  for (const when of ['before', 'after']) {
    test(`nothing is left if outcomes arrive ${when} the response`, async (t) => {
      const binary = fakeServer(
        t,
        (server, when) => {
          server.reportsStored = false;
          server.on('store', ({ hash }, respond) => {
            if (when === 'before') server.stored(hash);
            respond.result({ queued: true, reason: '' });
            if (when === 'after') server.stored(hash);
            server.notify('log', {
              level: 'warn',
              message: 'everything is reported',
            });
          });
        },
        when,
      );
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          const stored = await cache.store('h', cacheDirectory, '', 0);
          await cache.retrieve('h', cacheDirectory); // earlier messages are read first
          return stored;
        },
        { binary },
      );
      assert.equal(report, true);
      assertOneLine(lines, 'everything is reported');
      assert.deepEqual(drains(binary), []);
    });
  }

  for (const CI of ['true', 'false']) {
    test(`a request without a response delays the end, CI=${CI}`, async (t) => {
      const left = { ended: 'limit', waiting: 1, processId: 1 };
      const binary = fakeServer(
        t,
        (server, left) => {
          server.on('store', () => {});
          server.onDrain(() => server.drained(left));
        },
        left,
      );
      const { lines, cacheDirectory } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          void cache.store('h', cacheDirectory, '', 0); // as with --nxBail
        },
        { binary, env: { CI }, exit: 1 },
      );
      assert.deepEqual(drains(binary), [drainArguments(cacheDirectory)]);
      const [line, summary] = lines;
      assert.match(line, /: 1 result was not stored within 60 s after the run/);
      if (CI === 'true') assert.match(summary, /, 1 unfinished, /);
      else assert.equal(summary, undefined);
    });
  }

  test('a server that exits before it accepts anything causes no line', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('store', () => {});
      server.onDrain(() => server.drained({ ended: 'gone' }));
    });
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        void cache.store('h', cacheDirectory, '', 0);
      },
      { binary, exit: 1 },
    );
    assert.deepEqual(lines, []);
    assert.equal(drains(binary).length, 1);
  });

  test('a result that was not accepted does not delay the end', async (t) => {
    const binary = fakeServer(t, (server) => {
      let seen = 0;
      server.on('store', (_, respond) => {
        if (seen++ === 0) respond.result({ queued: false, reason: 'is odd' });
        else respond.error(2, 'no');
      });
    });
    const { report, lines } = await runAsNx(t, store, { binary, args: 2 });
    assert.deepEqual(report, [false, false]);
    assert.equal(lines.length, 2);
    assert.deepEqual(drains(binary), []);
  });

  test('without results and a summary, drain does not run', async (t) => {
    const binary = fakeServer(t);
    const { lines } = await runAsNx(t, retrieve, { binary, exit: 0 });
    assert.deepEqual(lines, []);
    assert.deepEqual(drains(binary), []);
  });

  for (const [what, isChanged, servers] of /** @type {const} */ ([
    ['two configurations are waited for, one after the other', true, 2],
    ['two caches of one configuration are waited for together', false, 1],
  ])) {
    test(`of ${what}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.reportsStored = false;
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ session: `${process.pid}` })),
        );
      });
      const { report, lines } = await runAsNx(
        t,
        async ({ getRemoteCache, cacheDirectory }, isChanged) => {
          const answers = [];
          for (let i = 0; i < 2; i++) {
            if (isChanged) {
              const nxJson = JSON.stringify({ azure: { prefix: `p${i}` } });
              require('node:fs').writeFileSync('nx.json', nxJson);
            }
            const cache = await getRemoteCache();
            answers.push(await cache?.store('h', cacheDirectory, '', 0));
          }
          return answers;
        },
        { binary, args: isChanged, env: { CI: 'true' } },
      );
      assert.deepEqual(report, [true, true]);
      assert.equal(drains(binary).length, servers);
      assert.equal(new Set(drains(binary)).size, servers);
      assert.equal(lines.length, servers);
      for (const line of lines) assert.match(line, /: 0 hits, /);
    });
  }

  test('an exit during initialize', async (t) => {
    const binary = fakeServer(t, (server) => server.on('initialize', () => {}));
    const { lines } = await runAsNx(
      t,
      async ({ getRemoteCache }) => {
        void getRemoteCache();
        await new Promise((resolve) => setTimeout(resolve, 200));
      },
      { binary, exit: 3, env: { CI: 'true' } },
    );
    assert.deepEqual(lines, []);
    assert.deepEqual(drains(binary), []);
  });
});
