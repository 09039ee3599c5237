'use strict';

// Folders and files to which a terminal output cannot be written.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  fakeServer,
  runAsNx,
  temporaryFolder,
} = require('./fixture');

describe('the folder of terminal outputs', { concurrency: 3 }, () => {
  for (const [what, name] of Object.entries({
    'of all servers': '.nx-azure-cache',
    'of the server': '.nx-azure-cache/4711-fake',
  })) {
    test(`a link in place of a folder ${what} is not followed`, async (t) => {
      const elsewhere = temporaryFolder(t);
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }, [elsewhere, name]) => {
          const fs = require('node:fs');
          const link = `${cacheDirectory}/${name}`;
          fs.mkdirSync(require('node:path').dirname(link), { recursive: true });
          fs.symlinkSync(elsewhere, link);
          const cache = await open();
          return [
            await cache.store('h', cacheDirectory, 'x'.repeat(300_000), 0),
            await cache.store('h', cacheDirectory, 'x'.repeat(300_000), 0),
          ];
        },
        { binary: fakeServer(t), args: [elsewhere, name] },
      );
      assert.deepEqual(report, [false, false]);
      assert.deepEqual(fs.readdirSync(elsewhere), []);
      assertOneLine(lines, `${name} is a symbolic link`, 'delete it');
    });
  }

  test("everyone who may use the cache directory may use the servers' folder", async (t) => {
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const fs = require('node:fs');
        process.umask(0o002);
        /** @type {Record<string, string[]>} */
        const modes = {};
        for (const mode of [0o755, 0o775, 0o777, 0o700]) {
          const shared = `${cacheDirectory}/${mode}`;
          fs.mkdirSync(shared);
          fs.chmodSync(shared, mode);
          const cache = await open();
          await cache.store('h', shared, 'x'.repeat(300_000), 0);
          modes[mode.toString(8)] = ['', '/4711-fake'].map((name) =>
            (
              fs.statSync(`${shared}/.nx-azure-cache${name}`).mode & 0o777
            ).toString(8),
          );
        }
        return modes;
      },
      { binary: fakeServer(t) },
    );
    // Access for all users is more than access for a group. The server decides whether to
    // reject it.
    assert.deepEqual(report, {
      700: ['700', '700'],
      755: ['755', '700'],
      775: ['775', '700'],
      777: ['775', '700'],
    });
  });

  test('a cache directory that this user may not write to', async (t) => {
    if (process.geteuid?.() === 0) return t.skip('root writes everywhere');
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const fs = require('node:fs');
        const cache = await open();
        fs.chmodSync(cacheDirectory, 0o555);
        const stored = await cache.store(
          'h',
          cacheDirectory,
          'x'.repeat(300_000),
          0,
        );
        fs.chmodSync(cacheDirectory, 0o755);
        return stored;
      },
      { binary: fakeServer(t) },
    );
    assert.equal(report, false);
    assertOneLine(
      lines,
      'this user cannot write to ',
      `which belongs to user ${process.geteuid?.()} and has mode 555`,
      'set cacheDirectory in nx.json',
    );
  });

  test('a result whose output cannot be written is not stored', async (t) => {
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const file = `${cacheDirectory}/file`;
        require('node:fs').writeFileSync(file, '');
        const cache = await open();
        return [
          await cache.store('h', file, 'x'.repeat(300_000), 0),
          await cache.store('h', file, 'short', 0),
        ];
      },
      { binary: fakeServer(t) },
    );
    assert.deepEqual(report, [false, true]);
    assertOneLine(lines, 'writing to the remote cache failed', 'ENOTDIR');
  });
});
