'use strict';

// Every call settles, whatever happens to the child. A pending call keeps Node's event loop
// alive; an idle child does not (F01, F30).

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, fakeServer, pids, runAsNx } = require('./fixture');

describe('lifetime', { concurrency: 3 }, () => {
  for (const [how, says] of /** @type {const} */ ([
    ['exit code', /exited with code 7/],
    ['SIGKILL', /was terminated by SIGKILL/],
  ])) {
    for (const calls of [1, 300]) {
      test(`the child dies (${how}) with ${calls} calls pending`, async (t) => {
        const binary = fakeServer(
          t,
          (server, { how, calls }) => {
            let seen = 0;
            const die = () => {
              if (++seen < calls) return;
              if (how === 'SIGKILL') process.kill(process.pid, 'SIGKILL');
              process.exit(7);
            };
            server.on('retrieve', die);
            server.on('store', die);
          },
          { how, calls },
        );
        const { report, lines } = await runAsNx(
          t,
          async ({ open, cacheDirectory }, calls) => {
            const cache = await open();
            const answers = await Promise.all(
              Array.from({ length: calls }, (_, i) =>
                i % 2
                  ? cache.store(`h${i}`, cacheDirectory, 'text', 0)
                  : cache.retrieve(`h${i}`, cacheDirectory),
              ),
            );
            return answers;
          },
          { binary, args: calls },
        );
        assert.equal(report.length, calls);
        report.forEach((answer, i) =>
          assert.equal(answer, i % 2 ? false : null),
        );
        assertOneLine(lines, says);
      });
    }
  }

  test('the child dies before initialize, after a line on stderr', async (t) => {
    const binary = fakeServer(t, (server) => {
      process.stderr.write('\n  panic: out of cheese  \ngoroutine 1\n');
      process.exitCode = 2;
      server.on('initialize', () => process.exit());
    });
    const { report, lines } = await runAsNx(
      t,
      ({ getRemoteCache }) => getRemoteCache(),
      { binary },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'exited with code 2: panic: out of cheese');
    assert.doesNotMatch(lines[0], /goroutine/);
  });

  test('only the first line on stderr is reported', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('initialize', () => {
        const trace = 'goroutine 1 [running]\n'.repeat(10_000);
        process.stderr.write(`panic: out of cheese\n${trace}`, () =>
          process.exit(2),
        );
      });
    });
    const { lines } = await runAsNx(
      t,
      ({ getRemoteCache }) => getRemoteCache(),
      { binary },
    );
    assertOneLine(lines, 'panic: out of cheese');
  });

  test('the child dies between two calls, unnoticed until the next', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', (_, respond) => {
        respond.result(null);
        process.exit(3);
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { setTimeout: sleep } = require('node:timers/promises');
        const cache = await open();
        const answers = [];
        // When the child dies, and long after.
        for (const pause of [0, 1, 10, 30, 100, 400]) {
          answers.push(await cache.retrieve('h', cacheDirectory));
          answers.push(await cache.store('h', cacheDirectory, 'text', 0));
          await sleep(pause);
        }
        return answers;
      },
      { binary },
    );
    assert.deepEqual(
      report,
      Array.from({ length: 12 }, (_, i) => (i % 2 ? false : null)),
    );
    assertOneLine(lines, 'exited with code 3');
  });

  test('the child dies while its own child holds the pipes', async (t) => {
    const binary = fakeServer(t, (server) => {
      const { spawn } = require('node:child_process');
      server.on('retrieve', (_, respond) => {
        spawn('sleep', ['60'], { stdio: 'inherit' });
        respond.result(null);
        process.exit(3);
      });
    });
    const { report, lines, took } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        // Calls between 'exit' and 'close', when the child's handle no longer keeps the
        // event loop alive.
        const { prototype } = /** @type {any} */ (
          require('node:child_process').ChildProcess
        );
        const { emit } = prototype;
        const exited = new Promise((resolve) => {
          const hold = setInterval(() => {}, 1_000);
          /** @param {...unknown} args */
          prototype.emit = function (...args) {
            if (args[0] === 'exit') {
              clearInterval(hold);
              setImmediate(resolve, undefined);
            }
            return emit.apply(this, args);
          };
        });
        const cache = await open();
        const first = await cache.retrieve('h', cacheDirectory);
        await exited;
        return [
          first,
          await cache.retrieve('h', cacheDirectory),
          await cache.store('h', cacheDirectory, 'text', 0),
        ];
      },
      { binary },
    );
    assert.deepEqual(report, [null, null, false]);
    assertOneLine(lines, 'exited with code 3');
    assert.ok(took < 40_000, 'it is not waited for the pipes');
  });

  test('the child dies at any time, with requests of any size', async (t) => {
    const binary = fakeServer(t, () => {
      setTimeout(() => process.exit(1), Number(process.argv[2]));
    });
    const { report } = await runAsNx(
      t,
      async ({ packageFolder }, binary) => {
        const { Client } = require(`${packageFolder}/lib/client.js`);
        let seed = 42;
        /** @param {number} below */
        const random = (below) => {
          seed = (seed * 1103515245 + 12345) % 2 ** 31;
          return (seed / 2 ** 31) * below;
        };
        const once = async () => {
          const delay = String(Math.round(random(100)));
          const text = 'x'.repeat(random(4 * 2 ** 20));
          const noop = () => {};
          const listeners = {
            onLog: noop,
            onStored: noop,
            onStderr: noop,
            onEnd: noop,
          };
          const client = await Client.start(
            binary,
            [delay],
            process.env,
            listeners,
          );
          try {
            // The fake server responds until it dies.
            for (;;) await client.call('retrieve', { text }, 30_000);
          } catch (err) {
            return /** @type {Error} */ (err).message;
          }
        };
        const messages = [];
        for (let i = 0; i < 15; i++) {
          messages.push(...(await Promise.all([once(), once(), once()])));
        }
        return messages;
      },
      { args: binary },
    );
    assert.deepEqual(
      report,
      Array(45).fill('the cache process exited with code 1'),
    );
    assert.equal(pids(binary).length, 45);
  });

  test('errors of handles are not uncaught', async (t) => {
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { prototype } = /** @type {any} */ (
          require('node:child_process').ChildProcess
        );
        const { emit } = prototype;
        /** @type {any} */
        let child;
        /** @param {...unknown} args */
        prototype.emit = function (...args) {
          child = this;
          return emit.apply(this, args);
        };
        const cache = await open();
        const answers = [];
        for (const broken of [child, child.stderr, child.stdin, child.stdout]) {
          broken.emit('error', new Error('broken'));
          answers.push(await cache.retrieve('h', cacheDirectory));
        }
        return answers;
      },
      { binary: fakeServer(t) },
    );
    assert.deepEqual(report, [null, null, null, null]);
  });

  test('an idle child does not keep the event loop alive', async (t) => {
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        return [
          await cache.retrieve('h', cacheDirectory),
          await cache.store('h', cacheDirectory, 'text', 0),
        ];
      },
      { binary: fakeServer(t) },
    );
    assert.deepEqual(report, [null, true]);
    assert.deepEqual(lines, []);
  });

  test('an unused child does not either', async (t) => {
    const { lines } = await runAsNx(
      t,
      async ({ open }) => void (await open()),
      { binary: fakeServer(t) },
    );
    assert.deepEqual(lines, []);
  });

  for (const method of ['retrieve', 'store']) {
    test(`a pending ${method} keeps the event loop alive`, async (t) => {
      const binary = fakeServer(t, (server) => {
        const result = { queued: true, reason: '' };
        server.on('store', (_, respond) =>
          setTimeout(() => respond.result(result), 1_500),
        );
        server.on('retrieve', (_, respond) =>
          setTimeout(() => respond.result(null), 1_500),
        );
      });
      const { report, lines, took } = await runAsNx(
        t,
        async ({ open, cacheDirectory }, method) => {
          const cache = await open();
          return method === 'store'
            ? cache.store('h', cacheDirectory, 'text', 0)
            : cache.retrieve('h', cacheDirectory);
        },
        { binary, args: method },
      );
      assert.equal(report, method === 'store' ? true : null);
      assert.deepEqual(lines, []);
      assert.ok(took >= 1_500);
    });
  }

  test('the child dies with some responses missing', async (t) => {
    const binary = fakeServer(t, (server) => {
      let seen = 0;
      server.on('store', (_, respond) => {
        if (++seen % 2) respond.result({ queued: true, reason: '' });
        if (seen === 20) setTimeout(() => process.exit(1), 1_000);
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        return Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            cache.store(`h${i}`, cacheDirectory, '', 0),
          ),
        );
      },
      { binary },
    );
    assert.deepEqual(
      report,
      Array.from({ length: 20 }, (_, i) => i % 2 === 0),
    );
    assertOneLine(lines, 'exited with code 1');
  });

  test('the child dies in the middle of a response', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', () => {
        server.write('Content-Length: 1000\r\n\r\n{"jsonrpc"');
        setTimeout(() => process.exit(1), 100);
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).retrieve('h', cacheDirectory),
      { binary },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'exited with code 1');
  });

  test('a silent child is killed', async (t) => {
    const binary = fakeServer(t, (server) => server.hang());
    const { report } = await runAsNx(
      t,
      async ({ packageFolder }, binary) => {
        const { Client } = require(`${packageFolder}/lib/client.js`);
        const noop = () => {};
        const listeners = {
          onLog: noop,
          onStored: noop,
          onStderr: noop,
          onEnd: noop,
        };
        const client = await Client.start(binary, [], process.env, listeners);
        const settled = await Promise.allSettled([
          client.call('retrieve', {}, 500),
          client.call('store', { text: 'x'.repeat(2 ** 22) }, 500),
        ]);
        return settled.map(
          (it) => it.status === 'rejected' && it.reason.message,
        );
      },
      { args: binary, binary },
    );
    const silent =
      'the cache process was stopped: it has not responded for 0.5 s';
    assert.deepEqual(report, [silent, silent]);
  });

  test('a slow child is not killed while it responds', async (t) => {
    const binary = fakeServer(t, (server) => {
      let seen = 0;
      server.on('retrieve', (_, respond) =>
        setTimeout(() => respond.result(null), ++seen * 400),
      );
    });
    const { report } = await runAsNx(
      t,
      async ({ packageFolder }, binary) => {
        const { Client } = require(`${packageFolder}/lib/client.js`);
        const noop = () => {};
        const listeners = {
          onLog: noop,
          onStored: noop,
          onStderr: noop,
          onEnd: noop,
        };
        const client = await Client.start(binary, [], process.env, listeners);
        await client.call('retrieve', {}, 10_000);
        const calls = Array.from({ length: 8 }, () =>
          client.call('retrieve', {}, 2_000),
        );
        return Promise.all(calls);
      },
      { args: binary, binary },
    );
    assert.deepEqual(report, Array(8).fill(null));
  });
});
