'use strict';

// What `drain` reports becomes at most one line per kind.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, drains, fakeServer, runAsNx } = require('./fixture');
const { silent, silentWith, store } = require('./drain-fixture');

/** @import { FakeServer } from './fake-server' */

describe('the result of drain', { concurrency: 3 }, () => {
  /** @type {Record<string, [Record<string, unknown>, RegExp | undefined]>} */
  const ends = {
    stored: [{ ended: 'stored' }, undefined],
    gone: [
      { ended: 'gone', waiting: 2 },
      /: the cache process exited before it stored its results; if it happens again, report it/,
    ],
    limit: [
      { ended: 'limit', waiting: 2 },
      /: 2 results were not stored within 60 s after the run; to wait longer raise azure\.timeouts\.drain in nx\.json$/,
    ],
    'limit with one': [
      { ended: 'limit', waiting: 1 },
      /: 1 result was not stored within 60 s/,
    ],
    'limit with a server that does not end': [
      { ended: 'limit', waiting: 2, isLeft: true },
      /in nx\.json; it does not exit: kill process 4711$/,
    ],
    silent: [
      { ended: 'silent', waiting: 2 },
      /: 2 results were not stored: the cache process has stopped responding \(.*\) and was ended; if it happens again, report it/,
    ],
    'silent with a server that does not end': [
      { ended: 'silent', waiting: 1, isLeft: true },
      /: 1 result was not stored: the cache process has stopped responding \(.*\); it does not exit: kill process 4711$/,
    ],
    unknown: [
      { ended: 'unknown', waiting: 0 },
      /: some results may not be stored: the cache process cannot write to .*; is the disk full\?$/,
    ],
    'unknown with a reason': [
      { ended: 'unknown', waiting: 0, reason: 'FOLDER is a symbolic link' },
      /: some results may not be stored: FOLDER is a symbolic link$/,
    ],
    interrupted: [
      { ended: 'interrupted', waiting: 2 },
      /: 2 results are still being stored, for at most 60 s$/,
    ],
  };
  for (const [what, [result, says]] of Object.entries(ends)) {
    test(`${what}: ${says ? 'one line' : 'no line'}`, async (t) => {
      const binary = fakeServer(t, silentWith, result);
      const { lines } = await runAsNx(t, store, { binary, args: 2, exit: 3 });
      if (says) assertOneLine(lines, says);
      else assert.deepEqual(lines, []);
      assert.equal(drains(binary).length, 1);
    });
  }

  test('problems get one line per kind, unless they were reported before', async (t) => {
    const failed = { hash: 'h', bytes: 0, outcome: 'failed' };
    const refused = { hash: 'h9', bytes: 0, outcome: 'refused' };
    const binary = fakeServer(
      t,
      (server, { problems, told }) => {
        server.reportsStored = false;
        server.on('store', (_, respond) => {
          respond.result({ queued: true, reason: '' });
          server.stored('h0', told);
        });
        server.onDrain(() => server.drained({ problems }));
      },
      {
        told: { ...failed, reason: 'told', code: 1 },
        problems: [
          { ...failed, reason: 'again', code: 1 },
          { ...failed, reason: 'no space', code: 5 },
          { ...failed, reason: 'the end', code: -32800 },
          { ...refused, reason: 'cannot be stored: dist/socket is a socket' },
          { ...refused, reason: 'cannot be stored: another' },
        ],
      },
    );
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        await cache.store('h0', cacheDirectory, '', 0);
        await cache.retrieve('h', cacheDirectory); // earlier messages are read first
        await cache.store('h1', cacheDirectory, '', 0);
      },
      { binary, env: { CI: 'true' } },
    );
    assert.equal(lines.length, 4, lines.join('\n'));
    assert.match(lines[0], /writing to .* without it: told$/);
    assert.match(lines[1], /writing to .* without it: no space$/);
    assert.match(
      lines[2],
      /: the result h9 cannot be stored: dist\/socket is a socket$/,
    );
    assert.match(lines[3], /0 hits/);
  });

  // The first result differs in each run, the second one may be planted.
  for (const [name, heard, more, says] of /** @type {const} */ ([
    ['no other', 1, undefined, ''],
    ['another one', 2, undefined, '; 1 more result differs: npx '],
    ['two others', 3, 2, '; 2 more results differ: npx '],
    ['one that only drain knows', 1, 1, '; 1 more result differs: npx '],
    ['two that only drain knows', 0, 2, '; 2 more results differ: npx '],
    ['fewer that drain knows', 3, 1, '; 2 more results differ: npx '],
    ['others that are no number', 1, '1', ''],
  ])) {
    test(`the line about a result that differs counts ${name}`, async (t) => {
      const binary = fakeServer(
        t,
        (server, { heard, more }) => {
          server.reportsStored = false;
          const differs = { bytes: 0, outcome: 'differs' };
          let seen = 0;
          server.on('store', ({ hash }, respond) => {
            const isHeard = seen++ < heard;
            const reason = `it differs: ${hash}`;
            if (isHeard) server.stored(hash, { ...differs, reason });
            respond.result({ queued: true, reason: '' });
          });
          server.onDrain(() => {
            const problem = {
              ...differs,
              hash: 'h0',
              reason: 'it differs: h0',
            };
            server.drained({ problems: [{ ...problem, more }] });
          });
        },
        { heard, more },
      );
      const { lines, codes } = await runAsNx(t, store, {
        ...{ binary, args: 4, env: { NX_AZURE_CACHE_SUMMARY: '1' } },
      });
      const end = says && `${says}nx-azure-cache explain`;
      assert.equal(lines[0], `nx-azure-cache: it differs: h0${end}`);
      assert.equal(codes[0], 'NXAC086');
      assert.equal(lines.length, 2);
    });
  }

  test('outcomes are reported without drain, too', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
      const outcomes = [
        { outcome: 'exists' },
        { outcome: 'changed', reason: 'its outputs were changed' },
        { outcome: 'failed', reason: 'cancelled', code: -32800 },
        { outcome: 'refused', reason: 'cannot be stored: a is a socket' },
        { outcome: 'refused', reason: 'cannot be stored: b is a socket' },
        { outcome: 'failed', reason: 'bad luck', code: 1 },
        { outcome: 'failed', reason: 'it is off', code: 4 },
        { outcome: 'failed', reason: 'bad luck', code: 1 },
      ];
      let seen = 0;
      server.on('store', ({ hash }, respond) => {
        server.stored(hash, { bytes: 0, ...outcomes[seen++] });
        respond.result({ queued: true, reason: '' });
      });
    });
    const { lines } = await runAsNx(t, store, { binary, args: 8 });
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.match(lines[0], /: the result h3 cannot be stored: a is a socket$/);
    assert.match(lines[1], /without it: it is off$/);
    assert.deepEqual(drains(binary), []);
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const failures = {
    'ends with a code': () => process.exit(7),
    'is killed': () => process.kill(process.pid, 'SIGKILL'),
    'prints nothing': () => process.exit(),
    'prints junk': (server) => {
      server.write('hello\u001b[2J\n');
      process.exit();
    },
    'prints null': (server) => {
      server.write('null');
      process.exit();
    },
    'prints no result': (server) => {
      server.write('{}');
      process.exit();
    },
    'prints no summary': (server) => server.drained({ summary: { hits: 'x' } }),
    'prints invalid problems': (server) => server.drained({ problems: 5 }),
    'prints an invalid problem': (server) =>
      server.drained({ problems: [null] }),
    'prints far too much': () => {
      process.stdout.write(Buffer.alloc(4 * 2 ** 20, 'x'), () =>
        process.exit(),
      );
    },
    'closes stdout': () => {
      require('node:fs').closeSync(1);
      setTimeout(() => process.exit(), 100);
    },
  };
  for (const [what, failure] of Object.entries(failures)) {
    for (const CI of [undefined, 'true']) {
      test(`drain ${what}, CI=${CI}`, async (t) => {
        const script = `(server) => {
          server.reportsStored = false;
          server.onDrain(() => (${failure})(server));
        }`;
        const binary = fakeServer(t, /** @type {any} */ (script));
        const { report, lines } = await runAsNx(t, store, {
          ...{ binary, args: 1, exit: 3, env: { CI } },
        });
        assert.deepEqual(report, [true]);
        assertOneLine(
          lines,
          ': some results may not be stored: ',
          /; if it happens again, report it/,
        );
        assert.equal(drains(binary).length, 1);
      });
    }
  }

  test('drain cannot be started', async (t) => {
    const binary = fakeServer(t, silent);
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }, binary) => {
        await (await open()).store('h', cacheDirectory, '', 0);
        require('node:fs').rmSync(binary);
      },
      { binary, args: binary, exit: 3, env: { CI: 'true' } },
    );
    assertOneLine(lines, 'some results may not be stored: ', 'ENOENT');
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const hangs = {
    'hangs and ignores signals': (server) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
        process.on(signal, () => {});
      }
      server.hang();
    },
    'is suspended': () => process.kill(process.pid, 'SIGSTOP'),
    'leaves its stdout to another process': (server) => {
      const { spawn } = require('node:child_process');
      spawn('sleep', ['14'], { stdio: ['ignore', 'inherit', 'ignore'] });
      server.drained();
    },
  };
  for (const [what, hang] of Object.entries(hangs)) {
    test(`drain ${what}: it is killed after its limit`, async (t) => {
      const script = `(server) => {
        server.reportsStored = false;
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ drain: 100 })),
        );
        server.onDrain(() => (${hang})(server));
      }`;
      const binary = fakeServer(t, /** @type {any} */ (script));
      const { lines } = await runAsNx(t, store, {
        ...{ binary, args: 1, exit: 3 },
      });
      assertOneLine(lines, 'some results may not be stored: ', 'ETIMEDOUT');
      assert.equal(drains(binary).length, 1);
    });
  }
});
