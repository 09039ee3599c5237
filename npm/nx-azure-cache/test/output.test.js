'use strict';

// Terminal output of more than 262,144 bytes is sent as a file that other users cannot
// read.

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

/** @import { TestContext } from 'node:test' */
/** @import { FakeServer } from './fake-server' */

/** @typedef {{ how: 'text' | 'file', bytes: number, mode?: number }} Travelled */

/**
 * A server that keeps results in a folder, records in which form it received them, and
 * sends them back in the same form.
 *
 * @param {TestContext} t
 */
function keeper(t) {
  const folder = temporaryFolder(t);
  const binary = fakeServer(
    t,
    (server, folder) => {
      const fs = require('node:fs');
      const path = require('node:path');
      server.on('store', (params, respond) => {
        const { hash, terminalOutput, terminalOutputPath: file } = params;
        const how = file === undefined ? 'text' : 'file';
        const mode = file && fs.statSync(file).mode & 0o777;
        const text = terminalOutput ?? server.take(file);
        fs.writeFileSync(path.join(folder, hash), text);
        const bytes = Buffer.byteLength(text);
        fs.writeFileSync(
          path.join(folder, `${hash}.json`),
          JSON.stringify({ how, bytes, mode }),
        );
        respond.result({ queued: true, reason: '' });
      });
      server.on('retrieve', ({ hash, cacheDirectory }, respond) => {
        const text = fs.readFileSync(path.join(folder, hash), 'utf8');
        const outputsPath = path.join(cacheDirectory, hash);
        const hit = { code: 0, outputsPath, size: 1 };
        if (Buffer.byteLength(text) <= 262_144) {
          respond.result({ ...hit, terminalOutput: text });
          return;
        }
        const { session } = server.hello();
        const aside = path.join(cacheDirectory, '.nx-azure-cache', session);
        fs.mkdirSync(aside, { recursive: true });
        const file = path.join(aside, `${hash}.terminalOutput`);
        fs.writeFileSync(file, text);
        respond.result({ ...hit, terminalOutputPath: file });
      });
    },
    folder,
  );
  return {
    binary,
    /** @returns {Travelled} */
    travelled: (/** @type {string} */ hash) =>
      JSON.parse(fs.readFileSync(path.join(folder, `${hash}.json`), 'utf8')),
  };
}

/**
 * Retrieves from a server that responds with a terminal output at a path.
 *
 * @param {TestContext} t
 * @param {unknown} output the path
 */
function retrieveOutput(t, output) {
  const binary = fakeServer(
    t,
    (server, terminalOutputPath) =>
      server.on('retrieve', (_, respond) =>
        respond.result({
          ...{ code: 0, outputsPath: '/x', size: 1 },
          terminalOutputPath,
        }),
      ),
    output,
  );
  return runAsNx(
    t,
    async ({ open, cacheDirectory }) =>
      (await open()).retrieve('h', cacheDirectory),
    { binary },
  );
}

describe('terminal output', { concurrency: 3 }, () => {
  /** @type {Record<string, [text: string, times: number, end: string]>} */
  const outputs = {
    'no bytes': ['', 0, ''],
    '1 byte': ['x', 1, ''],
    '262,143 bytes': ['x', 262_143, ''],
    '262,144 bytes': ['x', 262_144, ''],
    '262,145 bytes': ['x', 262_145, ''],
    '262,144 bytes, fewer characters': ['x', 262_141, '€'],
    '262,145 bytes, fewer characters': ['x', 262_142, '€'],
    '262,144 bytes of emoji': ['😀', 65_536, ''],
    '262,148 bytes of emoji': ['😀', 65_537, ''],
    '5 MB of every kind': ['ü€😀\r\n\u001b[31m\0"\\', 300_000, '\uFEFF'],
    'a byte order mark first': ['\uFEFFx', 200_000, ''],
    'a lone surrogate': ['x', 10, '\uD800'],
    'a lone surrogate in a file': ['x', 300_000, '\uD800'],
  };
  test('is not written on the event loop of Nx', async (t) => {
    const { binary, travelled } = keeper(t);
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const fs = require('node:fs');
        const cache = await open();
        const { writeFileSync } = fs;
        let calls = 0;
        fs.writeFileSync = (...args) => {
          calls++;
          return writeFileSync(...args);
        };
        await cache.store('h', cacheDirectory, 'x'.repeat(300_000), 0);
        return calls;
      },
      { binary },
    );
    assert.equal(report, 0);
    assert.equal(travelled('h').how, 'file');
  });

  for (const [what, parts] of Object.entries(outputs)) {
    test(`${what} are restored unchanged`, async (t) => {
      const { binary, travelled } = keeper(t);
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory, filesIn }, [text, times, end]) => {
          const terminalOutput = text.repeat(times) + end;
          const cache = await open();
          const stored = await cache.store(
            'h',
            cacheDirectory,
            terminalOutput,
            0,
          );
          const left = filesIn(cacheDirectory);
          const hit = await cache.retrieve('h', cacheDirectory);
          left.push(...filesIn(cacheDirectory));
          const same =
            hit?.terminalOutput === Buffer.from(terminalOutput).toString();
          const { outputsPath, ...others } = hit ?? {};
          return {
            ...{ stored, same, left, keys: Object.keys(others) },
            isBesides: outputsPath === `${cacheDirectory}/h`,
          };
        },
        { binary, args: parts },
      );
      assert.deepEqual(report, {
        stored: true,
        same: true,
        left: [],
        keys: ['code', 'terminalOutput', 'size'],
        isBesides: true,
      });
      assert.deepEqual(lines, []);
      const bytes = Buffer.byteLength(parts[0].repeat(parts[1]) + parts[2]);
      const { how, ...others } = travelled('h');
      assert.equal(others.bytes, bytes);
      assert.equal(how, bytes > 262_144 ? 'file' : 'text');
      // The output may be private to this user.
      if (how === 'file') assert.equal(others.mode, 0o600);
    });
  }

  test('many at once leave no files, even if the folder is removed', async (t) => {
    const binary = fakeServer(t, (server) => {
      const fs = require('node:fs');
      const path = require('node:path');
      let seen = 0;
      server.on('store', ({ terminalOutputPath }, respond) => {
        const text = server.take(terminalOutputPath);
        // Removes the folder like a server that exits, or `nx reset`, about when the next
        // output is written, but less often than the shim retries.
        const folder = path.dirname(terminalOutputPath);
        setTimeout(() => {
          try {
            fs.rmdirSync(folder);
            fs.rmdirSync(path.dirname(folder));
          } catch {} // other files are in it
        }, seen++ % 3);
        respond.result({ queued: text?.length === 300_000, reason: '' });
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory, filesIn }) => {
        const cache = await open();
        const text = 'x'.repeat(300_000);
        const answers = new Set();
        for (let round = 0; round < 60; round++) {
          const stored = Array.from({ length: 3 }, (_, i) =>
            cache.store(`h${i}`, cacheDirectory, text, 0),
          );
          for (const answer of await Promise.all(stored)) answers.add(answer);
        }
        return { answers: [...answers], left: filesIn(cacheDirectory) };
      },
      { binary },
    );
    assert.deepEqual(report, { answers: [true], left: [] });
    assert.deepEqual(lines, []);
  });

  test('an output that was removed is written again', async (t) => {
    const binary = fakeServer(t, (server) => {
      const fs = require('node:fs');
      const path = require('node:path');
      let seen = 0;
      server.on('store', ({ hash, terminalOutputPath }, respond) => {
        if (seen++ % 2 === 0 || hash === 'always') {
          fs.rmSync(path.dirname(terminalOutputPath), { recursive: true });
          respond.error(1, `no such file ${hash}`);
          return;
        }
        const text = server.take(terminalOutputPath);
        respond.result({ queued: text?.length === 300_000, reason: '' });
      });
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory, filesIn }) => {
        const cache = await open();
        const text = 'x'.repeat(300_000);
        return {
          answers: [
            await cache.store('once', cacheDirectory, text, 0),
            await cache.store('always', cacheDirectory, text, 0),
          ],
          left: filesIn(cacheDirectory),
        };
      },
      { binary },
    );
    assert.deepEqual(report, { answers: [true, false], left: [] });
    assertOneLine(lines, 'no such file always');
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const deaths = {
    dies: (server) => server.on('store', () => process.exit(1)),
    'removes its folder and exits': (server) =>
      server.on('store', ({ terminalOutputPath }) => {
        const folder = require('node:path').dirname(terminalOutputPath);
        require('node:fs').rmSync(folder, { recursive: true });
        process.exit(1);
      }),
  };
  for (const [how, death] of Object.entries(deaths)) {
    test(`a large output leaves nothing if the server ${how}`, async (t) => {
      const binary = fakeServer(t, death);
      const { report, lines, cacheDirectory } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          const text = 'x'.repeat(300_000);
          return [
            await cache.store('h', cacheDirectory, text, 0),
            await cache.store('h', cacheDirectory, text, 0),
          ];
        },
        { binary },
      );
      assert.deepEqual(report, [false, false]);
      assert.deepEqual(fs.readdirSync(cacheDirectory), []);
      assertOneLine(lines, 'exited with code 1');
    });
  }

  test('the folders of other servers stay', async (t) => {
    const { binary } = keeper(t);
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory, filesIn }) => {
        const fs = require('node:fs');
        const aside = `${cacheDirectory}/.nx-azure-cache`;
        fs.mkdirSync(`${aside}/other`, { recursive: true });
        fs.writeFileSync(`${aside}/other/file`, '');
        const cache = await open();
        const text = 'x'.repeat(300_000);
        await cache.store('h', cacheDirectory, text, 0);
        await cache.retrieve('h', cacheDirectory);
        return filesIn(cacheDirectory);
      },
      { binary },
    );
    assert.deepEqual(report, ['.nx-azure-cache/other/file']);
  });

  test("a file outside the server's folder is neither read nor removed", async (t) => {
    const file = path.join(temporaryFolder(t), 'precious');
    fs.writeFileSync(file, 'precious');
    const { report, lines } = await retrieveOutput(t, file);
    assert.equal(report, null);
    assert.equal(fs.readFileSync(file, 'utf8'), 'precious');
    assertOneLine(lines, 'reading from the remote cache failed');
  });

  for (const [what, output] of Object.entries({
    'a file that has vanished': '/nowhere/text',
    'a folder': '/',
    'no path': 5,
  })) {
    test(`${what} as terminal output is a miss`, async (t) => {
      const { report, lines } = await retrieveOutput(t, output);
      assert.equal(report, null);
      assertOneLine(lines, 'reading from the remote cache failed');
    });
  }

  for (const text of [undefined, null, 5]) {
    test(`${text} instead of a string is accepted`, async (t) => {
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }, text) =>
          (await open()).store(
            'h',
            cacheDirectory,
            /** @type {any} */ (text),
            0,
          ),
        { binary: fakeServer(t), args: text },
      );
      assert.equal(report, false);
      assertOneLine(lines);
    });
  }
});
