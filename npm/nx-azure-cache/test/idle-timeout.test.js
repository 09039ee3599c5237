'use strict';

// A child that is silent during a request is killed. A child that sends anything is not,
// and neither is one whose messages could not be received.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, fakeServer, runAsNx } = require('./fixture');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * Changes to a server, besides its idle timeout of 2 s. It is the source of a function,
 * because it runs in that process.
 *
 * @param {(server: FakeServer) => void} script
 */
const patient = (script) =>
  /** @type {() => void} */ (
    /** @type {unknown} */ (
      `(server) => {
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ idleTimeout: 2_000 })),
      );
      (${script})(server);
    }`
    )
  );

/** @param {Nx} nx */
async function retrieve({ open, cacheDirectory }) {
  return (await open()).retrieve('h', cacheDirectory);
}

const silent = 'the cache process was stopped: it has not responded for 2 s';

describe('the idle timeout', { concurrency: 3 }, () => {
  /** @type {Record<string, (server: FakeServer) => void>} */
  const silences = {
    'does not respond': (server) => server.on('retrieve', () => {}),
    'hangs and ignores signals': (server) =>
      server.on('retrieve', () => {
        process.on('SIGTERM', () => {});
        server.hang();
      }),
    'is suspended': (server) =>
      server.on('retrieve', () => process.kill(process.pid, 'SIGSTOP')),
  };
  for (const [what, script] of Object.entries(silences)) {
    test(`a child that ${what} is killed`, async (t) => {
      const binary = fakeServer(t, patient(script));
      const { report, lines, took } = await runAsNx(t, retrieve, {
        ...{ binary, exit: 3, env: { CI: 'true' } },
      });
      assert.equal(report, null);
      assertOneLine(lines, silent);
      assert.ok(took >= 2_000, 'it had no time');
    });
  }

  test('the results that it did not store are counted', async (t) => {
    const binary = fakeServer(
      t,
      patient((server) => {
        server.reportsStored = false;
        let seen = 0;
        server.on('store', (_, respond) => {
          if (seen++ < 3) respond.result({ queued: true, reason: '' });
        });
      }),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const calls = Array.from({ length: 5 }, (_, i) =>
          cache.store(`h${i}`, cacheDirectory, '', 0),
        );
        return Promise.all(calls);
      },
      { binary },
    );
    assert.deepEqual(report, [true, true, true, false, false]);
    assertOneLine(lines, silent, '; 3 results were not stored; ');
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const signs = {
    progress: (server) => server.notify('progress', { bytes: 1 }),
    stored: (server) => server.stored('other'),
    log: (server) => server.notify('log', { level: 'debug', message: 'x' }),
    'a response to another call': (server) =>
      server.send({ jsonrpc: '2.0', id: 4711, result: null }),
  };
  for (const [what, sign] of Object.entries(signs)) {
    test(`${what} keeps it alive`, async (t) => {
      const binary = fakeServer(
        t,
        patient(
          /** @type {any} */ (
            `(server) =>
            server.on('retrieve', (_, respond) => {
              setInterval(() => (${sign})(server), 200);
              setTimeout(() => respond.result(null), 7_000);
            })`
          ),
        ),
      );
      const { report, lines, took } = await runAsNx(t, retrieve, { binary });
      assert.equal(report, null);
      assert.deepEqual(lines, []);
      assert.ok(took >= 7_000);
    });
  }

  test('an idle child does not delay the end', async (t) => {
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const answers = [];
        for (let i = 0; i < 2; i++) {
          answers.push(await cache.store('h', cacheDirectory, '', 0));
          await new Promise((resolve) => setTimeout(resolve, 3_000));
        }
        return answers;
      },
      {
        binary: fakeServer(
          t,
          patient(() => {}),
        ),
      },
    );
    assert.deepEqual(report, [true, true]);
    assert.deepEqual(lines, []);
  });

  test('a busy event loop does not count as silence', async (t) => {
    const binary = fakeServer(
      t,
      patient(() => {}),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const answer = cache.store('h', cacheDirectory, '', 0);
        await new Promise(setImmediate); // it is sent
        const cell = new Int32Array(new SharedArrayBuffer(4));
        Atomics.wait(cell, 0, 0, 5_000);
        return answer;
      },
      { binary },
    );
    assert.equal(report, true);
    assert.deepEqual(lines, []);
  });

  test('a suspended run, as by Ctrl-Z, does not count as silence', async (t) => {
    const binary = fakeServer(
      t,
      patient((server) =>
        server.on('retrieve', (_, respond) => {
          process.kill(process.ppid, 'SIGSTOP');
          setTimeout(() => {
            process.kill(process.ppid, 'SIGCONT');
            setTimeout(() => respond.result(null), 100);
          }, 5_000);
        }),
      ),
    );
    const { report, lines, took } = await runAsNx(t, retrieve, { binary });
    assert.equal(report, null);
    assert.deepEqual(lines, []);
    assert.ok(took >= 5_000, 'it was not stopped');
  });
});
