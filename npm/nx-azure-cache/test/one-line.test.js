'use strict';

// Each kind of problem gets one line, even if reading, writing, an accepted result, this
// process and `drain` all notice it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  fakeServer,
  runAsNx,
  temporaryFolder,
} = require('./fixture');

/** @import { Nx } from './fixture' */

/**
 * @typedef {object} Said what the server says where; undefined: nothing is wrong
 * @property {[number, string]} [read]
 * @property {[number, string]} [write]
 * @property {[number, string]} [stored]
 * @property {{ [more: string]: unknown }} [drained]
 */

/** Reads a result and writes two. One still waits at the end. */
async function retrieveAndStore(/** @type {Nx} */ { open, cacheDirectory }) {
  const cache = await open();
  const answers = [
    await cache.retrieve('h1', cacheDirectory),
    await cache.store('h2', cacheDirectory, 'text', 0),
  ];
  await cache.retrieve('h3', cacheDirectory); // earlier messages are read first
  answers.push(await cache.store('waits', cacheDirectory, 'text', 0));
  return answers;
}

/** A server whose messages the test chooses. */
const saying = (
  /** @type {import('./fake-server').FakeServer} */ server,
  /** @type {Said} */ { read, write, stored, drained },
) => {
  server.reportsStored = false;
  server.on('retrieve', ({ hash }, respond) => {
    if (read && hash !== 'h3') respond.error(...read);
    else respond.result(null);
  });
  server.on('store', ({ hash }, respond) => {
    if (write && hash !== 'waits') return respond.error(...write);
    respond.result({ queued: true, reason: '' });
    if (hash === 'waits') return undefined;
    const failed = stored && {
      outcome: 'failed',
      code: stored[0],
      reason: stored[1],
    };
    return server.stored(hash, failed);
  });
  server.onDrain(() => server.drained(drained));
};

/** @type {[number, string]} */
const refused = [2, '403 AuthorizationPermissionMismatch: give it the role'];
/** @type {[number, string]} */
const reset = [1, 'connection reset by peer'];
/** @type {[number, string]} */
const off = [4, 'the remote cache is off for the rest of this run'];
/** @type {[number, string]} */
const noContainer = [2, 'container "ressults" does not exist'];
/** @type {[number, string]} */
const full = [5, 'no space left on device; free space'];
/** @type {[number, string]} */
const unusable = [5, '/x/.nx-azure-cache is a symbolic link: delete it'];
/** @type {[number, string]} */
const panicked = [-32603, 'retrieve panicked: oops'];

/** @param {[number, string]} problem */
const withProblem = ([code, reason]) => ({
  problems: [{ hash: 'waits', bytes: 0, outcome: 'failed', reason, code }],
});

describe('one line', { concurrency: 3 }, () => {
  /** @type {Record<string, [Said, RegExp]>} */
  const combinations = {
    'a missing container': [
      {
        read: noContainer,
        write: noContainer,
        drained: withProblem(noContainer),
      },
      /reading from .*does not exist$/,
    ],
    '403 for reading, a reset for writing': [
      { read: refused, write: reset, drained: withProblem(reset) },
      /reading from .*give it the role$/,
    ],
    'a reset for reading, 403 later': [
      { read: reset, stored: refused, drained: withProblem(reset) },
      /writing to .*give it the role$/,
    ],
    'a reset, 403, and off': [
      { read: reset, write: refused, drained: withProblem(off) },
      /writing to .*give it the role$/,
    ],
    'a reset, then off': [
      { read: reset, stored: off, drained: withProblem(reset) },
      /writing to .*off for the rest of this run$/,
    ],
    'a full disk': [
      { read: full, write: full, drained: withProblem(full) },
      /reading from .*free space$/,
    ],
    'a full disk, on which the server has no state': [
      { stored: full, drained: { ended: 'unknown' } },
      /writing to .*free space$/,
    ],
    'our folder is unusable': [
      {
        read: unusable,
        write: unusable,
        drained: { ended: 'unknown', reason: 'is not a directory' },
      },
      /reading from .*: delete it$/,
    ],
    'a bug, and the end of the server': [
      { read: panicked, drained: { ended: 'gone', waiting: 1 } },
      /reading from .*oops \(if it happens again, report it/,
    ],
    'only drain reports that the server is gone': [
      { drained: { ended: 'gone', waiting: 1 } },
      /exited before it stored its results; if it happens again, report it/,
    ],
  };
  for (const [name, [said, want]] of Object.entries(combinations)) {
    test(name, async (t) => {
      const binary = fakeServer(t, saying, said);
      const { lines } = await runAsNx(t, retrieveAndStore, {
        binary,
        args: said,
      });
      assertOneLine(lines, want);
    });
  }

  test('each kind of problem has its own line', async (t) => {
    const said = { read: refused, write: full, stored: reset };
    const binary = fakeServer(t, saying, {
      ...said,
      drained: { ended: 'gone', waiting: 1 },
    });
    const { lines } = await runAsNx(t, retrieveAndStore, { binary });
    assert.deepEqual(
      lines.map(
        (line) => /403|no space|report it/.exec(line)?.[0] ?? `other: ${line}`,
      ),
      ['403', 'no space', 'report it'],
    );
  });

  test('an unexpected response, and a drain with invalid output', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
      server.on('retrieve', (_, respond) => respond.result(5));
      server.onDrain(() => server.write('nonsense'));
    });
    const { lines } = await runAsNx(t, retrieveAndStore, { binary });
    assertOneLine(lines, 'an unexpected response', 'report it with a log');
  });

  for (const response of [null, 5, {}, { queued: 'yes' }]) {
    test(`${JSON.stringify(response)} as a response to store`, async (t) => {
      const binary = fakeServer(
        t,
        (server, response) =>
          server.on('store', (_, { result }) => result(response)),
        response,
      );
      const { report, lines } = await runAsNx(t, retrieveAndStore, { binary });
      assert.deepEqual(report, [null, false, false]);
      assertOneLine(lines, 'an unexpected response', 'report it with a log');
    });
  }

  test('an exit code that Nx cannot represent is a problem of the entry', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', ({ hash }, respond) => {
        if (hash === 'h1') return respond.error(3, 'it is cut short');
        const hit = { outputsPath: '/x', size: 1, terminalOutput: '' };
        return respond.result({ ...hit, code: 70_000 });
      }),
    );
    const { lines } = await runAsNx(t, retrieveAndStore, { binary });
    assertOneLine(lines, 'the new result replaces the entry');
  });

  // The server and this process report the same folder.
  /** @type {Record<string, [(cacheDirectory: string, elsewhere: string) => void, RegExp]>} */
  const folders = {
    'a link': [
      (cacheDirectory, elsewhere) =>
        fs.symlinkSync(elsewhere, path.join(cacheDirectory, '.nx-azure-cache')),
      /is a symbolic link; the remote cache follows no links/,
    ],
    'a file': [
      (cacheDirectory) =>
        fs.writeFileSync(path.join(cacheDirectory, '.nx-azure-cache'), ''),
      /is not a directory; the remote cache follows no links/,
    ],
    'below a file': [
      (cacheDirectory) => {
        fs.rmSync(cacheDirectory, { recursive: true });
        fs.writeFileSync(cacheDirectory, '');
      },
      /ENOTDIR.*check the file system of .*cache, or set NX_CACHE_DIRECTORY/,
    ],
  };
  for (const [name, [make, want]] of Object.entries(folders)) {
    test(`the cache\'s folder is ${name}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.on('retrieve', (_, respond) =>
          respond.error(5, 'so is it here'),
        );
        server.on('store', (_, respond) => respond.error(5, 'so is it here'));
        server.onDrain(() =>
          server.drained({ ended: 'unknown', reason: 'so is it here' }),
        );
      });
      const workspace = temporaryFolder(t);
      const cacheDirectory = path.join(workspace, '.nx', 'cache');
      fs.mkdirSync(cacheDirectory, { recursive: true });
      make(cacheDirectory, temporaryFolder(t));
      const { report, lines } = await runAsNx(
        t,
        async ({ open }, cacheDirectory) => {
          const cache = await open();
          const large = 'x'.repeat(300_000);
          return [
            await cache.store('h', cacheDirectory, large, 0),
            await cache.retrieve('h', cacheDirectory),
            await cache.store('h', cacheDirectory, '', 0),
          ];
        },
        { binary, args: cacheDirectory, workspace: temporaryFolder(t) },
      );
      assert.deepEqual(report, [false, null, false]);
      assertOneLine(lines, want);
    });
  }
});
