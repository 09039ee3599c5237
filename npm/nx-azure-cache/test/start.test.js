'use strict';

// getRemoteCache never rejects, whatever is wrong: null, one line, exit 0.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  copyShim,
  fakeServer,
  installed,
  pids,
  play,
  root,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { version } = require('../package.json');

/** @import { TestContext } from 'node:test' */
/** @import { Nx, Options } from './fixture' */

const off = 'nx-azure-cache: the remote cache is off: ';

/** @param {Nx} nx */
const open = ({ getRemoteCache }) => getRemoteCache();

/**
 * Asserts that there is no cache, and one line that says why.
 *
 * @param {TestContext} t
 * @param {Options} options
 * @param {...(string | RegExp)} says
 */
async function assertOff(t, options, ...says) {
  const { report, lines } = await play(t, open, options);
  assert.equal(report, null);
  assertOneLine(lines, off, ...says);
}

describe('start', { concurrency: 3 }, () => {
  test('a server that hangs is given up after 10 s, and killed', async (t) => {
    const binary = fakeServer(t, (server) => server.hang());
    const { report, lines, took } = await play(t, open, { binary });
    assert.equal(report, null);
    assertOneLine(lines, off, 'it has not answered for 10 s');
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
    // One of the errors that spawn throws, instead of emitting them.
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
    const { report, lines } = await play(
      t,
      async ({ getRemoteCache, shim }) => {
        const fs = require('node:fs');
        require('nx/src/config/nx-json');
        require(`${shim}/lib/client.js`);
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
      server.on('initialize', (_, answer) =>
        answer.result(server.hello({ serverVersion: '9.8.7' })),
      ),
    );
    await assertOff(
      t,
      { binary },
      `is ${version}, its binary is 9.8.7`,
      'install again',
    );
  });

  test('a server that says the cache is off', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, answer) =>
        answer.result(
          server.hello({ enabled: false, reason: 'first\n  second' }),
        ),
      ),
    );
    await assertOff(t, { binary }, 'off: first; second');
  });

  test('mode no-cache is what the user wants: no line', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, answer) =>
        answer.result(
          server.hello({ enabled: false, mode: 'no-cache', reason: 'mode' }),
        ),
      ),
    );
    const { report, lines } = await play(t, open, { binary });
    assert.equal(report, null);
    assert.deepEqual(lines, []);
  });

  test('a server that is off is not kept', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, answer) =>
        answer.result(server.hello({ enabled: false })),
      ),
    );
    const { report } = await play(
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

  test('a server that answers initialize with an error', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, answer) =>
        answer.error(-32602, 'params: no\nsuch field'),
      ),
    );
    await assertOff(t, { binary }, 'off: params: no; such field');
  });

  for (const result of ['null', '5', '"yes"', '[]', '{}']) {
    test(`a server that answers initialize with ${result}`, async (t) => {
      const binary = fakeServer(
        t,
        (server, result) =>
          server.on('initialize', (_, answer) => answer.result(result)),
        JSON.parse(result),
      );
      await assertOff(t, { binary });
    });
  }

  describe('nx.json', { concurrency: 3 }, () => {
    for (const [what, nxJson] of Object.entries({
      empty: '',
      malformed: '{"azure": {"container": ',
      null: 'null',
      binary: '\0\x01\x02',
    })) {
      test(`is ${what}`, async (t) => {
        const binary = fakeServer(t);
        await assertOff(t, { binary, nxJson });
      });
    }

    test('is a folder', async (t) => {
      const workspace = temporaryFolder(t);
      fs.mkdirSync(path.join(workspace, 'nx.json'));
      const options = { binary: fakeServer(t), workspace, nxJson: null };
      await assertOff(t, options, 'EISDIR');
    });

    test('extends something that is missing', async (t) => {
      const nxJson = '{"extends": "./missing.json"}';
      await assertOff(t, { binary: fakeServer(t), nxJson }, 'missing.json');
    });

    for (const [name, spec, file] of [
      ['a file', './base.json', 'base.json'],
      ['a package', '@acme/preset/nx', 'node_modules/@acme/preset/nx.json'],
    ]) {
      test(`extends ${name} that has the block`, async (t) => {
        const workspace = temporaryFolder(t);
        const base = path.join(workspace, file);
        fs.mkdirSync(path.dirname(base), { recursive: true });
        fs.writeFileSync(base, '{"azure": {"container": "base"}}');
        const nxJson = JSON.stringify({ extends: spec });
        const { azure } = await sentConfig(t, { workspace, nxJson });
        assert.deepEqual(azure, { container: 'base' });
      });
    }

    test('has a block of its own, which replaces what it extends', async (t) => {
      const workspace = temporaryFolder(t);
      const base = path.join(workspace, 'base.json');
      fs.writeFileSync(base, '{"azure": {"container": "base"}}');
      const nxJson = '{"extends": "./base.json", "azure": {"prefix": "x"}}';
      const { azure } = await sentConfig(t, { workspace, nxJson });
      assert.deepEqual(azure, { prefix: 'x' });
    });

    for (const azure of ['null', '5', '"text"', '[1, {"a": null}]', 'false']) {
      test(`has an azure block of ${azure}`, async (t) => {
        const nxJson = `{"azure": ${azure}}`;
        const config = await sentConfig(t, { nxJson });
        assert.deepEqual(config, { azure: JSON.parse(azure) });
      });
    }

    for (const nxJson of [null, '{}', '[]', '"text"', '5']) {
      test(`is ${nxJson ?? 'missing'}: no block is sent`, async (t) => {
        assert.deepEqual(await sentConfig(t, { nxJson }), {});
      });
    }
  });

  test('nx is not there', async (t) => {
    const folder = copyShim(t, {
      'vscode-jsonrpc': installed['vscode-jsonrpc'],
    });
    const options = { folder, binary: fakeServer(t) };
    await assertOff(t, options, "Cannot find module 'nx/");
  });

  test('vscode-jsonrpc is not there', async (t) => {
    const folder = copyShim(t, { nx: installed.nx });
    const options = { folder, binary: fakeServer(t) };
    await assertOff(t, options, "Cannot find module 'vscode-jsonrpc");
  });

  test('only what ships is needed', async (t) => {
    const folder = copyShim(t, {
      nx: installed.nx,
      'vscode-jsonrpc': installed['vscode-jsonrpc'],
    });
    const { report, lines } = await play(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).store('h', cacheDirectory, '', 0),
      { folder, binary: fakeServer(t) },
    );
    assert.equal(report, true);
    assert.deepEqual(lines, []);
  });

  test('nothing is loaded before it is needed', async (t) => {
    const { report } = await play(t, async ({ getRemoteCache, shim }) => {
      // Nx has loaded it by then.
      require(`${shim}/lib/workspace`).workspaceRoot();
      const before = Object.keys(require.cache);
      await getRemoteCache(); // there is no binary
      const after = Object.keys(require.cache);
      return after.filter((file) => !before.includes(file));
    });
    assert.deepEqual(report, []);
  });

  test('initialize says what rpc/doc.go says', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (params, answer) => {
        const reason = JSON.stringify({ ...params, parent: process.ppid });
        answer.result(server.hello({ enabled: false, reason }));
      }),
    );
    const workspace = temporaryFolder(t);
    const azure = {
      container: 'c',
      unknown: { deep: [1, 'ü', null, true] },
    };
    const nxJson = JSON.stringify({ azure, targetDefaults: {} });
    const run = async (/** @type {NodeJS.ProcessEnv} */ env) => {
      const options = { binary, workspace, nxJson, env };
      const { lines } = await play(t, open, options);
      return JSON.parse(lines[0].slice(off.length));
    };
    const { parent, processId, ...params } = await run({});
    assert.equal(processId, parent);
    assert.deepEqual(params, {
      protocolVersion: 1,
      clientVersion: version,
      workspaceRoot: workspace,
      nxVersion: require('nx/package.json').version,
      ci: false,
      config: azure,
    });
    for (const [name, value, ci] of /** @type {const} */ ([
      ['CI', 'true', true],
      ['CI', '1', true],
      ['CI', 'false', false],
      ['GITHUB_ACTIONS', 'true', true],
      ['TF_BUILD', 'true', true],
      ['GITLAB_CI', 'yes', true],
    ])) {
      assert.strictEqual((await run({ [name]: value })).ci, ci, name);
    }
  });

  for (const [keys, defaultBase] of /** @type {const} */ ([
    [{ defaultBase: 'develop' }, 'develop'],
    [{ affected: { defaultBase: 'origin/next' } }, 'origin/next'],
    [{ defaultBase: 'main', affected: { defaultBase: 'old' } }, 'main'],
    [{ defaultBase: 5 }, undefined],
    [{}, undefined],
  ])) {
    test(`of ${JSON.stringify(keys)} the base ${defaultBase} is sent`, async (t) => {
      const nxJson = JSON.stringify({ azure: {}, ...keys });
      const sent = await sentParams(t, { nxJson });
      assert.equal(sent.defaultBase, defaultBase);
    });
  }

  for (const [own, other, extended, base] of /** @type {const} */ ([
    ['{}', '{"azure": {}}', ['azure'], undefined],
    ['{"azure": {}}', '{"azure": {}}', [], undefined],
    ['{"azure": null}', '{"azure": {}}', [], undefined],
    ['{}', '{"defaultBase": "a"}', ['defaultBase'], 'a'],
    ['{}', '{"affected": {"defaultBase": "a"}}', ['defaultBase'], 'a'],
    [
      '{"defaultBase": "b"}',
      '{"azure": 5, "defaultBase": "a"}',
      ['azure'],
      'b',
    ],
    // Nx prefers the other file's key here. What nx.json itself names counts.
    ['{"affected": {"defaultBase": "b"}}', '{"defaultBase": "a"}', [], 'b'],
    ['{"affected": 5}', '{"affected": {"defaultBase": "a"}}', [], undefined],
    ['{"defaultBase": 5}', '{"affected": {"defaultBase": "a"}}', [], undefined],
    ['{"__proto__": {"azure": {}}}', '{"azure": {}}', ['azure'], undefined],
    ['{}', '{}', [], undefined],
    ['{}', '[{"azure": {}}]', [], undefined],
  ])) {
    test(`of ${own}, which extends ${other}, ${extended} is said`, async (t) => {
      const workspace = temporaryFolder(t);
      fs.writeFileSync(path.join(workspace, 'base.json'), other);
      // Comments and trailing commas, as Nx reads them.
      const comma = own === '{}' ? '' : ',';
      const nxJson = `// as it is\n${own.slice(0, -1)}${comma} "extends": "./base.json",}`;
      const sent = await sentParams(t, { workspace, nxJson });
      assert.deepEqual(sent.extended ?? [], extended);
      assert.equal(sent.defaultBase, base);
    });
  }
});

/**
 * What is sent as `config`, under the name it has in nx.json.
 *
 * @param {TestContext} t
 * @param {Options} options
 */
async function sentConfig(t, options) {
  const { config } = await sentParams(t, options);
  return config === undefined ? {} : { azure: config };
}

/**
 * The params of `initialize`.
 *
 * @param {TestContext} t
 * @param {Options} options
 */
async function sentParams(t, options) {
  const binary = fakeServer(t, (server) =>
    server.on('initialize', (params, answer) => {
      const reason = JSON.stringify(params);
      answer.result(server.hello({ enabled: false, reason }));
    }),
  );
  const { lines } = await play(t, open, { ...options, binary });
  return JSON.parse(lines[0].slice(off.length));
}
