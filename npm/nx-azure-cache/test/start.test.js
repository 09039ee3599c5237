'use strict';

// getRemoteCache never rejects, whatever fails: it resolves to null, prints one line, and
// Nx exits with 0.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOff,
  assertOneLine,
  copyShim,
  fakeServer,
  installed,
  off,
  open,
  pids,
  runAsNx,
  root,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { version } = require('../package.json');

describe('start', { concurrency: 3 }, () => {
  test('a server that hangs is killed after 10 s', async (t) => {
    const binary = fakeServer(t, (server) => server.hang());
    const { report, lines, took } = await runAsNx(t, open, { binary });
    assert.equal(report, null);
    assertOneLine(lines, off, 'it has not responded for 10 s');
    assert.ok(took >= 10_000);
    assert.equal(pids(binary).length, 1);
  });

  test('a source checkout has no binary', (t) =>
    assertOff(t, {}, 'this is a source checkout', 'go build'));

  test('the binary does not exist', (t) =>
    assertOff(t, { binary: '/nowhere/x' }, 'cannot run /nowhere/x', 'ENOENT'));

  test('the binary is not executable', async (t) => {
    const binary = path.join(temporaryFolder(t), 'binary');
    fs.writeFileSync(binary, '', { mode: 0o644 });
    await assertOff(t, { binary }, `cannot run ${binary}: `, 'EACCES');
  });

  test('the binary is a folder', async (t) => {
    const binary = temporaryFolder(t);
    await assertOff(t, { binary }, `cannot run ${binary}: `, 'EACCES');
  });

  test('the binary is below a file', (t) =>
    // spawn throws this error and does not emit it.
    assertOff(t, { binary: `${__filename}/x` }, 'cannot run ', 'ENOTDIR'));

  test('the interpreter of the binary does not exist', async (t) => {
    const binary = path.join(temporaryFolder(t), 'binary');
    writeExecutable(binary, '#!/nowhere/interpreter\n');
    await assertOff(t, { binary }, `cannot run ${binary}: `, 'ENOENT');
  });

  for (const [what, content] of Object.entries({
    'for another machine': Buffer.from('7f454c4602010100ffff', 'hex'),
    'cut off': Buffer.from('7f454c46', 'hex'),
    empty: Buffer.alloc(0),
  })) {
    test(`the binary is ${what}`, async (t) => {
      const binary = path.join(temporaryFolder(t), 'binary');
      fs.writeFileSync(binary, content, { mode: 0o755 });
      await assertOff(t, { binary });
    });
  }

  test('there are too many open files', async (t) => {
    const { report, lines } = await runAsNx(
      t,
      async ({ getRemoteCache, packageFolder }) => {
        const fs = require('node:fs');
        require('nx/src/config/nx-json');
        require(`${packageFolder}/lib/client.js`);
        const open = [];
        try {
          for (;;) open.push(fs.openSync('/dev/null', 'r'));
        } catch {
          fs.closeSync(Number(open.pop()));
        }
        const cache = await getRemoteCache();
        for (const fd of open) fs.closeSync(fd);
        return cache;
      },
      {
        binary: fakeServer(t),
        env: { NODE_PATH: path.join(root, 'node_modules') },
      },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'cannot run ', 'EMFILE');
  });

  test('a server of another version', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ serverVersion: '9.8.7' })),
      ),
    );
    await assertOff(
      t,
      { binary },
      `is ${version}, but its binary is 9.8.7`,
      'install again',
    );
  });

  test('a server that reports that the cache is off', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, respond) =>
        respond.result(
          server.hello({ enabled: false, reason: 'first\n  second' }),
        ),
      ),
    );
    await assertOff(t, { binary }, 'off: first; second');
  });

  test('the mode no-cache prints no line', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, respond) =>
        respond.result(
          server.hello({ enabled: false, mode: 'no-cache', reason: 'mode' }),
        ),
      ),
    );
    const { report, lines } = await runAsNx(t, open, { binary });
    assert.equal(report, null);
    assert.deepEqual(lines, []);
  });

  test('a server that is off is closed', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ enabled: false })),
      ),
    );
    const { report } = await runAsNx(
      t,
      async ({ getRemoteCache }, binary) => {
        await getRemoteCache();
        const pid = require('node:fs').readFileSync(`${binary}.pids`, 'utf8');
        for (let i = 0; i < 100; i++) {
          try {
            process.kill(Number(pid), 0);
          } catch {
            return 'gone';
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return 'alive';
      },
      { binary, args: binary },
    );
    assert.equal(report, 'gone');
  });

  test('a server that responds to initialize with an error', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, respond) =>
        respond.error(-32602, 'params: no\nsuch field'),
      ),
    );
    await assertOff(t, { binary }, 'off: params: no; such field');
  });

  for (const result of ['null', '5', '"yes"', '[]', '{}']) {
    test(`a server that responds to initialize with ${result}`, async (t) => {
      const binary = fakeServer(
        t,
        (server, result) =>
          server.on('initialize', (_, respond) => respond.result(result)),
        JSON.parse(result),
      );
      await assertOff(t, { binary });
    });
  }

  test('nx is missing', async (t) => {
    const folder = copyShim(t, {
      'vscode-jsonrpc': installed['vscode-jsonrpc'],
    });
    const options = { folder, binary: fakeServer(t) };
    await assertOff(t, options, "Cannot find module 'nx/");
  });

  test('vscode-jsonrpc is missing', async (t) => {
    const folder = copyShim(t, { nx: installed.nx });
    const options = { folder, binary: fakeServer(t) };
    await assertOff(t, options, "Cannot find module 'vscode-jsonrpc");
  });

  test('the published files are enough', async (t) => {
    const folder = copyShim(t, {
      nx: installed.nx,
      'vscode-jsonrpc': installed['vscode-jsonrpc'],
    });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).store('h', cacheDirectory, '', 0),
      { folder, binary: fakeServer(t) },
    );
    assert.equal(report, true);
    assert.deepEqual(lines, []);
  });

  test('modules are loaded only when needed', async (t) => {
    const { report } = await runAsNx(
      t,
      async ({ getRemoteCache, packageFolder }) => {
        // Nx has already loaded these.
        const { createRequire } = require('node:module');
        createRequire(`${packageFolder}/`)('nx/src/utils/is-ci');
        require(`${packageFolder}/lib/workspace`).workspaceRoot();
        const before = Object.keys(require.cache);
        await getRemoteCache(); // there is no binary
        const after = Object.keys(require.cache);
        return after.filter((file) => !before.includes(file));
      },
    );
    assert.deepEqual(report, []);
  });
});
