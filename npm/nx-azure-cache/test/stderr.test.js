'use strict';

// Whatever the state of stderr: nothing throws, the exit code does not change, and the run
// ends in bounded time.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, drains, fakeServer, runAsNx } = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/** @param {Nx} nx */
async function retrieveAndStore({ open, cacheDirectory }) {
  const cache = await open();
  return [
    await cache.retrieve('h', cacheDirectory),
    await cache.store('h', cacheDirectory, 'text', 0),
  ];
}

/**
 * A server with much output: lines, a log, and a summary at the end.
 *
 * @param {FakeServer} server
 */
function loud(server) {
  server.reportsStored = false;
  server.on('retrieve', async (_, respond) => {
    for (let i = 0; i < 100; i++) {
      const message = `${i} ${'much '.repeat(10_000)}`;
      server.notify('log', { level: 'warn', message });
      process.stderr.write(message); // its log
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    respond.result(null);
  });
}

describe('stderr', { concurrency: 3 }, () => {
  for (const stderr of /** @type {const} */ (['closed', 'unread'])) {
    for (const look of [false, true]) {
      for (const NX_AZURE_CACHE_LOG of [undefined, 'debug']) {
        const how = [
          stderr,
          look ? 'Nx has used it' : 'no one has used it',
          `NX_AZURE_CACHE_LOG=${NX_AZURE_CACHE_LOG}`,
        ].join(', ');
        test(how, async (t) => {
          const binary = fakeServer(t, loud);
          const { report, took } = await runAsNx(
            t,
            /** @type {(nx: Nx, look: boolean) => Promise<unknown>} */ (
              /** @type {unknown} */ (
                `(nx, look) => {
                if (look) void process.stderr;
                return (${retrieveAndStore})(nx);
              }`
              )
            ),
            {
              ...{ binary, args: look, exit: 3, stderr },
              env: { CI: 'true', NX_AZURE_CACHE_LOG },
            },
          );
          assert.deepEqual(report, [null, true]);
          assert.equal(drains(binary).length, 1);
          // The process waits one second for all output, not for each line.
          assert.ok(took < patience, `it took ${took} ms`);
        });
      }
    }
  }

  test('that does not exist', async (t) => {
    const { report, stderr } = await runAsNx(t, retrieveAndStore, {
      ...{ binary: fakeServer(t, loud), exit: 3, stderr: 'none' },
      env: { CI: 'true', NX_AZURE_CACHE_LOG: 'debug' },
    });
    assert.deepEqual(report, [null, true]);
    assert.equal(stderr, '');
  });

  test('that Nx has replaced: all lines bypass it', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', (_, respond) => respond.error(2, 'no rights')),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const swallow = () => true;
        process.stdout.write = swallow;
        process.stderr.write = swallow;
        console.error = () => {
          throw new Error('console.error was called');
        };
        return (await open()).retrieve('h', cacheDirectory);
      },
      { binary, exit: 1, env: { NX_VERBOSE_LOGGING: 'true' } },
    );
    assert.equal(report, null);
    assert.equal(lines.length, 2);
    assert.match(lines[0], /without it: no rights$/);
    assert.match(lines[1], /0 hits/);
  });

  test('that Nx has replaced with a function that throws', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', (_, respond) => {
        process.stderr.write('log\n', () => respond.error(2, 'no rights'));
      }),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const stream = new Proxy(process.stderr, {
          get() {
            throw new Error('do not touch');
          },
        });
        Object.defineProperty(process, 'stderr', { value: stream });
        return (await open()).retrieve('h', cacheDirectory);
      },
      { binary, exit: 3 },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'no rights');
  });

  test('of the child does not appear in the TUI', async (t) => {
    const { report, stderr } = await runAsNx(t, retrieveAndStore, {
      binary: fakeServer(t, (server) =>
        server.on('retrieve', (_, respond) => {
          process.stderr.write('log\n', () => respond.result(null));
        }),
      ),
      env: { NX_AZURE_CACHE_LOG: 'debug', NX_TUI: 'true' },
    });
    assert.deepEqual(report, [null, true]);
    assert.equal(stderr, '');
  });
});
