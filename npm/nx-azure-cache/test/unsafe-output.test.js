'use strict';

// Strings from a checkout, a server or a child process must not control a terminal, and must
// not start a line that looks like one of ours.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  copyShim,
  environment,
  fakeServer,
  installed,
  runAsNx,
  packageFolder,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */

const bad =
  'a\u202e\u001b]0;x\u0007\u001b[2K\r\n' +
  'nx-azure-cache: forged\n' +
  '\u009b31m\u202etxt\u2066\u200b\u2028\u007f\ud800$(touch x)';

/** Characters that control a terminal or are invisible, except line ends and tabs. */
const acting = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * @param {string} text
 * @param {string} [known] that must be in it, or it shows nothing
 */
function assertShown(text, known = 'touch x') {
  assert.ok(text.includes(known), `${known} is not in ${text}`);
  assert.doesNotMatch(text, acting);
  assert.doesNotMatch(text, /^\s*nx-azure-cache: forged/m);
}

/**
 * A workspace with unsafe strings in its packages and nx.json.
 *
 * @param {TestContext} t
 */
function checkout(t) {
  const root = temporaryFolder(t);
  /** @param {string} name */
  const write = (name, /** @type {unknown} */ value) => {
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    fs.writeFileSync(file, text);
  };
  write('nx.json', {
    cli: { packageManager: bad },
    defaultBase: bad,
    tasksRunnerOptions: {
      default: { runner: 'nx-remotecache-azure', options: { azureUrl: bad } },
      [bad]: { runner: bad, options: {} },
    },
  });
  write('package.json', {
    devDependencies: { '@nx/azure-cache': bad, 'nx-remotecache-azure': bad },
  });
  const main = 'main.js';
  for (const name of ['@nx/s3-cache', '@nx/powerpack-azure-cache']) {
    write(`node_modules/${name}/package.json`, {
      ...{ name: `${name}${bad}`, version: bad, main },
      dependencies: name.endsWith('azure-cache') && { 'nx-azure-cache': bad },
    });
    write(`node_modules/${name}/${main}`, `throw new Error('${'no'}')`);
  }
  return { root, write };
}

/**
 * @param {string} root
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} [env]
 */
function run(root, command, env = {}) {
  const { stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: root,
    env: environment(root, env),
    encoding: 'utf8',
    timeout: patience,
  });
  return stdout + stderr;
}

describe('doctor without a binary', () => {
  for (const nx of ['of the makers of Nx', 'of the checkout']) {
    for (const flags of [[], ['--json']]) {
      test(`an Nx ${nx} ${flags}`, (t) => {
        const { root, write } = checkout(t);
        if (nx === 'of the checkout') {
          write('node_modules/nx/package.json', { name: 'nx', version: bad });
          write(
            'node_modules/nx/src/tasks-runner/cache.js',
            "'@nx/s3-cache' '@nx/powerpack-azure-cache'",
          );
        } else {
          fs.symlinkSync(installed.nx, path.join(root, 'node_modules', 'nx'));
        }
        const copy = copyShim(t, installed);
        const launcher = path.join(copy, 'bin', 'nx-azure-cache.js');
        const text = run(root, [launcher, 'doctor', ...flags]);
        assertShown(text);
        if (flags.length > 0) JSON.parse(text);
        // An unknown package manager must not appear in a command.
        assert.match(text, /npm uninstall @nx\/s3-cache/);
      });
    }
  }

  test('a binary that cannot be run', (t) => {
    const root = temporaryFolder(t);
    const launcher = path.join(packageFolder, 'bin', 'nx-azure-cache.js');
    const env = { NX_AZURE_CACHE_BINARY: `/nowhere/${bad}` };
    for (const command of ['ls', 'doctor']) {
      assertShown(run(root, [launcher, command], env), '/nowhere/a');
    }
  });
});

describe('a server', () => {
  test('with unsafe strings everywhere', async (t) => {
    const binary = fakeServer(
      t,
      (server, bad) => {
        server.reportsStored = false;
        server.on('initialize', (_, respond) => {
          server.notify('log', { level: 'warn', message: bad });
          const changes = { scope: bad, scopeReason: bad, location: bad };
          respond.result(server.hello({ ...changes, mode: 'read-write' }));
        });
        server.on('retrieve', (_, respond) => respond.error(2, bad));
        server.on('store', ({ hash }, respond) => {
          if (hash === 'refused')
            respond.result({ queued: false, reason: bad });
          else respond.result({ queued: true, reason: '' });
        });
        const problem = { hash: bad, bytes: 0, outcome: 'failed', reason: bad };
        server.onDrain(() =>
          server.drained({ problems: [{ ...problem, code: 5 }] }),
        );
      },
      bad,
    );
    const { stderr } = await runAsNx(
      t,
      async ({ open, cacheDirectory }, bad) => {
        const cache = await open();
        await cache.retrieve(bad, cacheDirectory);
        await cache.store('refused', cacheDirectory, bad, 0);
        await cache.store(bad, cacheDirectory, bad, 0);
      },
      { binary, args: bad, env: { CI: 'true' }, exit: 0 },
    );
    assertShown(stderr, 'scope a');
    assert.equal(stderr.match(/^nx-azure-cache: /gm)?.length, 5);
  });

  test('that is off, with an unsafe reason', async (t) => {
    const binary = fakeServer(
      t,
      (server, bad) =>
        server.on('initialize', (_, respond) =>
          respond.result(server.hello({ enabled: false, reason: bad })),
        ),
      bad,
    );
    const nx = /** @type {Parameters<typeof runAsNx>[1]} */ (
      async ({ getRemoteCache }) => getRemoteCache()
    );
    const { stderr } = await runAsNx(t, nx, { binary });
    assertShown(stderr);
  });

  for (const NX_AZURE_CACHE_LOG of [undefined, 'debug']) {
    test(`that exits, with the log ${NX_AZURE_CACHE_LOG}`, async (t) => {
      const binary = fakeServer(
        t,
        (server, bad) =>
          server.on('retrieve', () =>
            process.stderr.write(bad, () => process.exit(3)),
          ),
        bad.replaceAll('\nnx-azure-cache: forged', ''), // a log has many lines
      );
      const { stderr } = await runAsNx(
        t,
        async ({ open, cacheDirectory }) =>
          (await open()).retrieve('h', cacheDirectory),
        { binary, env: { NX_AZURE_CACHE_LOG } },
      );
      assertShown(stderr, 'exited with code 3');
    });
  }
});

describe('generators', () => {
  /**
   * Runs a generator as Nx does, with console.log.
   *
   * @param {string} root
   * @param {'init' | 'activate'} name
   * @param {object} options
   * @param {NodeJS.ProcessEnv} [env]
   */
  const generate = (root, name, options, env) =>
    run(
      root,
      [
        '-e',
        `const { FsTree } = require('nx/src/generators/tree');
        const { ${name}Generator } = require(${JSON.stringify(path.join(packageFolder, 'generators', name, 'generator.js'))});
        (async () => {
          const done = await ${name}Generator(new FsTree(${JSON.stringify(root)}, false), ${JSON.stringify(options)});
          done?.();
        })().catch((err) => console.error(err.message));`,
      ],
      { NODE_PATH: path.dirname(installed.nx), ...env },
    );

  test('init', (t) => {
    const { root } = checkout(t);
    const text = generate(root, 'init', {});
    assertShown(text);
    assert.match(text, /Run npm install\./);
    const container = '\u009b31m\u202e$(touch x)';
    assertShown(generate(root, 'init', { container }));
  });

  test('activate', (t) => {
    for (const code of [0, 1]) {
      const binary = path.join(temporaryFolder(t), 'binary');
      const said = path.join(path.dirname(binary), 'said');
      fs.writeFileSync(said, bad.split('\n').at(-1) ?? '');
      writeExecutable(binary, `#!/bin/sh\ncat '${said}' >&2; exit ${code}\n`);
      const root = temporaryFolder(t);
      const env = { NX_AZURE_CACHE_BINARY: binary };
      assertShown(generate(root, 'activate', { key: 'k' }, env));
    }
  });
});
