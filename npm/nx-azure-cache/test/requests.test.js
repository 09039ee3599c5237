'use strict';

// Whatever the server responds, Nx gets a miss, and each kind of error one line.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, fakeServer, runAsNx } = require('./fixture');

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

describe('requests', { concurrency: 3 }, () => {
  const bug =
    / \(if it happens again, report it with a log \(NX_AZURE_CACHE_LOG=debug, NX_AZURE_CACHE_LOG_FILE=PATH\)\)$/;
  /** @type {Map<number, string>} their diagnostics. Their messages contain the fix */
  const known = new Map([
    [1, 'NXAC057'],
    [2, 'NXAC049'],
    [3, 'NXAC080'],
    [5, 'NXAC073'],
    [-32602, 'NXAC094'],
  ]);
  for (const code of [
    -32600, -32601, -32602, -32603, -32002, -32800, 1, 2, 3, 5, 12345,
  ]) {
    test(`the error ${code} is a miss and one line`, async (t) => {
      const binary = fakeServer(
        t,
        (server, code) => {
          let seen = 0;
          server.on('retrieve', (_, respond) =>
            respond.error(code, `bad\n\tluck ${++seen}`),
          );
          server.on('store', (_, respond) =>
            respond.error(code, `bad\n\tluck ${++seen}`),
          );
        },
        code,
      );
      const { report, lines, codes } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          const answers = [];
          for (let i = 0; i < 3; i++) {
            answers.push(
              await cache.retrieve('h', cacheDirectory),
              await cache.store('h', cacheDirectory, 'text', 0),
            );
          }
          return answers;
        },
        { binary },
      );
      assert.deepEqual(report, [...nothing, ...nothing, ...nothing]);
      assertOneLine(
        lines,
        code === 3
          ? /^nx-azure-cache: bad; luck 1; its task ran, and the new result replaces the entry .* may do so$/
          : /^nx-azure-cache: reading from .* without it: bad; luck 1( \(.*\))?$/,
        known.has(code) ? /bad; luck 1(; its task ran.*)?$/ : bug,
      );
      assert.deepEqual(codes, [known.get(code) ?? 'NXAC007']);
    });
  }

  test('the line that the storage is off replaces earlier ones', async (t) => {
    const binary = fakeServer(t, (server) => {
      const codes = [1, 1, 4, 1];
      server.on('retrieve', (_, respond) => {
        const code = codes.shift() ?? 4;
        respond.error(code, code === 4 ? 'it is off' : 'bad luck');
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const answers = [];
        for (let i = 0; i < 6; i++) {
          answers.push(await cache.retrieve('h', cacheDirectory));
        }
        return answers;
      },
      { binary },
    );
    assert.deepEqual(report, Array(6).fill(null));
    assertOneLine(lines, /without it: it is off$/);
  });

  for (const [diagnostic, want] of /** @type {[unknown, string][]} */ ([
    ['NXAC042', 'NXAC042'],
    ['NXAC042) ##vso[x]', 'NXAC057'],
    ['constructor', 'NXAC057'],
    [42, 'NXAC057'],
    [['NXAC042'], 'NXAC057'],
    [null, 'NXAC057'],
  ])) {
    test(`the diagnostic ${JSON.stringify(diagnostic)} becomes ${want}`, async (t) => {
      const binary = fakeServer(
        t,
        (server, diagnostic) => {
          server.on('retrieve', (_, respond) =>
            respond.error(1, 'bad luck', { diagnostic }),
          );
          server.on('store', (_, respond) => {
            const reason = 'cannot be stored';
            respond.result({ queued: false, reason, diagnostic });
          });
        },
        diagnostic,
      );
      const { lines, codes } = await runAsNx(t, retrieveAndStore, { binary });
      assert.deepEqual(lines.length, 2);
      assert.deepEqual(codes, [want, want === 'NXAC042' ? want : 'NXAC091']);
    });
  }

  test('each kind of error has a line', async (t) => {
    const binary = fakeServer(t, (server) => {
      const codes = [1, 2, 1, 3, 2, -32603, 5, -32602];
      let seen = 0;
      server.on('store', (_, respond) => {
        respond.error(codes[seen], `number ${seen}`);
        seen++;
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const answers = [];
        for (let i = 0; i < 8; i++) {
          answers.push(await cache.store('h', cacheDirectory, 'text', 0));
        }
        return answers;
      },
      { binary },
    );
    assert.deepEqual(report, Array(8).fill(false));
    assert.deepEqual(
      lines.map((line) => /number (\d)/.exec(line)?.[1]),
      ['1', '3', '5', '6', '7'],
    );
  });

  test('errors and the exit of the server are different kinds', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', (_, respond) => respond.error(1, 'bad luck'));
      server.on('store', () => process.exit(1));
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        return [
          await cache.retrieve('h', cacheDirectory),
          await cache.store('h', cacheDirectory, 'text', 0),
          await cache.retrieve('h', cacheDirectory),
        ];
      },
      { binary },
    );
    assert.deepEqual(report, [null, false, null]);
    assert.equal(lines.length, 2);
    assert.match(lines[0], /: bad luck$/);
    assert.match(lines[1], /exited with code 1; .*report it/);
  });

  test('a result that cannot be stored is one line', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('store', (_, respond) =>
        respond.result({ queued: false, reason: 'cannot be stored: a socket' }),
      ),
    );
    const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(report, nothing);
    assertOneLine(lines, 'the result h cannot be stored: a socket');
  });

  test('in read-only mode, no result is sent', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ mode: 'read-only' })),
      );
      server.on('store', (_, respond) => respond.error(1, 'store was called'));
    });
    const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(report, nothing);
    assert.deepEqual(lines, []);
  });

  // Nx crashes on a hit without these.
  for (const hit of [
    '5',
    'true',
    '"hit"',
    '[]',
    '{}',
    '{"outputsPath": "/x", "size": 1, "terminalOutput": ""}',
    '{"code": "0", "outputsPath": "/x", "size": 1, "terminalOutput": ""}',
    '{"code": null, "outputsPath": "/x", "size": 1, "terminalOutput": ""}',
    '{"code": 0, "size": 1, "terminalOutput": ""}',
    '{"code": 0, "outputsPath": null, "size": 1, "terminalOutput": ""}',
    '{"code": 0, "outputsPath": "/x", "size": 1, "terminalOutput": null}',
    '{"code": 0, "outputsPath": "/x", "size": 1}',
  ]) {
    test(`${hit} is not a hit`, async (t) => {
      const binary = fakeServer(
        t,
        (server, hit) =>
          server.on('retrieve', (_, respond) => respond.result(hit)),
        JSON.parse(hit),
      );
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) =>
          (await open()).retrieve('h', cacheDirectory),
        { binary },
      );
      assert.equal(report, null);
      assertOneLine(lines);
    });
  }

  for (const [what, junk] of Object.entries({
    'a line of text': 'hello\n',
    'a header without a length': 'Content-Type: text\r\n\r\n',
    'an invalid length': 'Content-Length: many\r\n\r\n',
    'a message that is not JSON': 'Content-Length: 5\r\n\r\nhello',
    'half a message': 'Content-Length: 500\r\n\r\n{"jsonrpc":',
  })) {
    test(`${what} on stdout, then a response`, async (t) => {
      const binary = fakeServer(
        t,
        (server, junk) => {
          server.on('retrieve', (_, respond) => {
            server.write(junk);
            respond.result(null);
            // The shim waits for the other half until the child exits.
            if (junk.includes('500')) setTimeout(() => process.exit(1), 100);
          });
        },
        junk,
      );
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          const first = await cache.retrieve('h', cacheDirectory);
          await new Promise((resolve) => setTimeout(resolve, 500));
          return [first, await cache.store('h', cacheDirectory, 'text', 0)];
        },
        { binary },
      );
      assert.deepEqual(report, nothing);
      assertOneLine(lines, 'the cache process ');
    });
  }

  // After other junk, such as half a message, a message may still arrive.
  for (const [what, junk] of Object.entries({
    'a header without a length': 'Content-Type: text\r\n\r\n',
    'a header without a colon': 'hello\r\n\r\n',
    'an invalid length': 'Content-Length: many\r\n\r\n',
    'a message that is not JSON': 'Content-Length: 5\r\n\r\nhello',
  })) {
    test(`${what} on stdout, instead of a response`, async (t) => {
      const binary = fakeServer(
        t,
        (server, junk) => server.on('retrieve', () => server.write(junk)),
        junk,
      );
      const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
      assert.deepEqual(report, nothing);
      assertOneLine(lines, 'the cache process was stopped: ');
    });
  }
});
