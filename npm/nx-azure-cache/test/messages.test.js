'use strict';

// Malformed, partial and unexpected messages from the server, and its log.

const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  fakeServer,
  runAsNx,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');

/** @import { Nx } from './fixture' */

/** @param {Nx} nx */
async function retrieveAndStore({ open, cacheDirectory }) {
  const cache = await open();
  return [
    await cache.retrieve('h', cacheDirectory),
    await cache.store('h', cacheDirectory, 'text', 0),
  ];
}

const nothing = [null, false];

describe('messages', { concurrency: 3 }, () => {
  test('an invalid response ends the session', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', () => server.send({ jsonrpc: '2.0', id: 1 })),
    );
    const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(report, nothing);
    assertOneLine(lines, 'the cache process was stopped: ');
  });

  test('unknown messages are ignored', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', (_, respond) => {
        server.send({ jsonrpc: '2.0', id: 4711, result: 'unexpected' });
        server.send({ jsonrpc: '2.0', method: 'unknown', params: [1, 2] });
        server.send({ jsonrpc: '2.0', id: 'x', method: 'unknown' });
        server.send({ jsonrpc: '2.0', method: 'log' });
        server.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: {} });
        respond.result(null);
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const hit = await cache.retrieve('h', cacheDirectory);
        // An ended session would be noticed by now.
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return [hit, await cache.store('h', cacheDirectory, 'text', 0)];
      },
      { binary },
    );
    assert.deepEqual(report, [null, true]);
    assert.deepEqual(lines, []);
  });

  test('many messages at once, split at any byte', async (t) => {
    const binary = fakeServer(t, (server) => {
      /** @type {string[]} */
      const hashes = [];
      server.on('retrieve', ({ hash }, respond) => {
        hashes.push(hash);
        if (hashes.length < 100) return;
        const text = hashes
          .map((hash, id) => ({
            code: 0,
            outputsPath: '/x',
            size: id,
            terminalOutput: `ü€😀 ${hash}`,
          }))
          .map((result, i) =>
            server.frame({ jsonrpc: '2.0', id: i + 1, result }),
          )
          .reverse()
          .join('');
        const bytes = Buffer.from(text);
        let at = 0;
        const write = () => {
          const size = 1 + ((at * 7919) % 997);
          const end = Math.min(at + size, bytes.length);
          process.stdout.write(bytes.subarray(at, end));
          at = end;
          if (at < bytes.length) setImmediate(write);
        };
        write();
        void respond;
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const hits = await Promise.all(
          Array.from({ length: 100 }, (_, i) =>
            cache.retrieve(`h${i}`, cacheDirectory),
          ),
        );
        return hits.map((hit) => hit?.terminalOutput);
      },
      { binary },
    );
    assert.deepEqual(
      report,
      Array.from({ length: 100 }, (_, i) => `ü€😀 h${i}`),
    );
    assert.deepEqual(lines, []);
  });

  test('messages right before the exit are received', async (t) => {
    const calls = 30;
    const binary = fakeServer(
      t,
      (server, calls) => {
        /** @type {(() => void)[]} */
        const answers = [];
        server.reportsStored = false;
        server.on('store', (_, respond) => {
          answers.push(() => respond.result({ queued: true, reason: '' }));
          if (answers.length < calls) return;
          for (const answer of answers) answer();
          process.kill(process.pid, 'SIGKILL');
        });
        server.onDrain(() => server.drained({ ended: 'gone' }));
      },
      calls,
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }, calls) => {
        const { store } = await open();
        const hashes = Array.from({ length: calls }, (_, i) => `h${i}`);
        return Promise.all(
          hashes.map((hash) => store(hash, cacheDirectory, '', 0)),
        );
      },
      { binary, args: calls },
    );
    assert.deepEqual(report, Array(calls).fill(true));
    // Either side may notice the end first.
    assertOneLine(
      lines,
      /exited before it stored its results|30 results were not stored/,
    );
  });

  test('stdout is closed while the child is alive', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', () => {
        server.hang();
        require('node:fs').closeSync(1);
      });
    });
    const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(report, nothing);
    assertOneLine(lines, 'the cache process was stopped: it closed a pipe');
  });

  test('stdin is closed while the child is alive', async (t) => {
    // Node aborts when its own stdin is closed.
    const binary = path.join(temporaryFolder(t), 'binary');
    writeExecutable(binary, '#!/bin/sh\necho $$ >$0.pids\nexec sleep 60 <&-\n');
    const { report, lines } = await runAsNx(
      t,
      ({ getRemoteCache }) => getRemoteCache(),
      { binary },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'the cache process was stopped: ');
    assert.ok(!lines[0].includes('not responded'), lines[0]);
  });

  for (const log of [undefined, 'debug']) {
    test(`stderr is ${log ? 'shown' : 'hidden'} when NX_AZURE_CACHE_LOG is ${log}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.on('retrieve', (_, respond) => {
          process.stderr.write('nöise\n'.repeat(100_000), () =>
            respond.result(null),
          );
        });
      });
      const env = { NX_AZURE_CACHE_LOG: log };
      const { report, stderr } = await runAsNx(t, retrieveAndStore, {
        binary,
        env,
      });
      assert.deepEqual(report, [null, true]);
      assert.ok(stderr === (log ? 'nöise\n'.repeat(100_000) : ''));
    });
  }

  test('each warning in the log is a line', async (t) => {
    const binary = fakeServer(t, (server) => {
      /** @param {string} level @param {string} message */
      const log = (level, message) => server.notify('log', { level, message });
      server.on('initialize', (_, respond) => {
        log('warn', 'before');
        respond.result(server.hello());
      });
      server.on('retrieve', (_, respond) => {
        log('debug', 'quiet');
        log('warn', 'warn\r\n  two');
        log('error', 'error');
        log('warn', 'warn\r\n  two');
        respond.result(null);
      });
    });
    const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(report, [null, true]);
    assert.deepEqual(lines, [
      'nx-azure-cache: before',
      'nx-azure-cache: warn; two',
      'nx-azure-cache: error',
    ]);
  });

  test('a log message without text is ignored', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', (_, respond) => {
        server.notify('log', { level: 'warn' });
        server.notify('log', { level: 'warn', message: 5 });
        server.notify('log', { level: 'warn', message: null });
        respond.result(null);
      }),
    );
    const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(report, [null, true]);
    assert.deepEqual(lines, []);
  });
});
