'use strict';

// Lines for the user are printed at the end of the run, however it ends.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  fakeServer,
  runAsNx,
  packageFolder,
  temporaryFolder,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { StdioOptions } from 'node:child_process' */

/**
 * Runs a script that calls notice(kind, text, { code, rank, topic }), report(kind, text) and
 * withdraw(kind, topic).
 *
 * @param {string} script
 * @param {StdioOptions} [stdio]
 */
async function run(script, stdio = 'pipe') {
  const notices = JSON.stringify(path.join(packageFolder, 'lib', 'notices.js'));
  const child = spawn(
    process.execPath,
    [
      '-e',
      `const notices = require(${notices});
      const { report, withdraw } = notices;
      const notice = (kind, text, options) =>
        notices.notice(kind, options?.code, text, options);
      ${script}`,
    ],
    { stdio, timeout: patience },
  );
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (stderr += text));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr };
}

describe('notices', { concurrency: 2 }, () => {
  test('prints nothing without notices', async () => {
    const result = await run('');
    assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
  });

  for (const level of ['debug', 'warn']) {
    test(`an exit task that fails keeps nothing from running: ${level}`, async () => {
      const result = await run(`
        notices.debugIfAsked({ NX_AZURE_CACHE_LOG: '${level}' });
        notices.onExit(() => { throw new Error('broken'); });
        notices.onExit(() => notice('a', 'the second ran'));`);
      const lines = [
        'nx-azure-cache: the end of the run failed: broken\n',
        'nx-azure-cache: the second ran\n',
      ];
      assert.equal(
        result.stderr,
        lines.slice(level === 'debug' ? 0 : 1).join(''),
      );
      assert.equal(result.code, 0);
    });
  }

  test('a withdrawn notice reveals the one that it replaced', async () => {
    const { stderr } = await run(`
      notice('a', 'a bug');
      notice('a', 'it is lost', { rank: 1, topic: 'lost' });
      notice('a', 'it is lost with two', { rank: 2, topic: 'lost' });
      notice('b', 'other');
      notice('b', 'of another topic', { rank: 1, topic: 'x' });
      notice('c', 'is lost', { topic: 'lost' });
      for (const kind of ['a', 'b', 'c', 'd']) withdraw(kind, 'lost');
    `);
    assert.equal(
      stderr,
      'nx-azure-cache: a bug\nnx-azure-cache: of another topic\n',
    );
  });

  test('ends with its code, if that is one', async () => {
    const { stderr } = await run(`
      notice('a', 'one', { code: 'NXAC012' });
      for (const code of ['NXAC1', 'NXAC012\\n', 'x', 5, ['NXAC012'], null]) {
        notice(String(code), 'other', { code });
      }
      report('b', '1 hit');
    `);
    const [first, ...others] = stderr.split('\n');
    assert.equal(
      first,
      'nx-azure-cache: one (NXAC012: https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/troubleshooting.md#nxac012)',
    );
    assert.deepEqual(
      new Set(others),
      new Set(['nx-azure-cache: other', 'nx-azure-cache: 1 hit', '']),
    );
  });

  test('prints the first of each kind, in order, at the end', async () => {
    const { stdout, stderr } = await run(`
      notice('a', 'one');
      notice('b', 'two');
      notice('a', 'three');
      notice('c', 'two');
      process.stderr.write('the run\\n');
    `);
    assert.equal(stdout, '');
    assert.equal(
      stderr,
      'the run\n' +
        ['one', 'two', 'two'].map((it) => `nx-azure-cache: ${it}\n`).join(''),
    );
  });

  test('each notice is one line', async () => {
    const { stderr } = await run(
      "notice('a', 'one\\n\\ttwo\\r\\nthree\\u2028four\\n')",
    );
    assert.equal(stderr, 'nx-azure-cache: one; two; three\\u2028four\n');
  });

  test('a notice cannot control the terminal', async () => {
    const { stderr } = await run(
      "notice('a', 'one\\u001b[2Jtwo\\u0007\\u009b31mthree\\u202e\\0\\b')",
    );
    assert.equal(
      stderr,
      'nx-azure-cache: one\\x1b[2Jtwo\\a\\u009b31mthree\\u202e\\x00\\b\n',
    );
  });

  for (const code of [0, 3]) {
    test(`process.exit(${code}) still prints and keeps the code`, async () => {
      const result = await run(
        `notice('a', 'one'); process.exitCode = 9; process.exit(${code});`,
      );
      assert.equal(result.code, code);
      assert.equal(result.stderr, 'nx-azure-cache: one\n');
    });
  }

  test('process.exitCode does not change', async () => {
    const result = await run("notice('a', 'one'); process.exitCode = 3;");
    assert.equal(result.code, 3);
    assert.equal(result.stderr, 'nx-azure-cache: one\n');
  });

  test('an uncaught error does not suppress a notice', async () => {
    const result = await run("notice('a', 'one'); throw new Error('no');");
    assert.equal(result.code, 1);
    assert.match(result.stderr, /^nx-azure-cache: one$/m);
    assert.match(result.stderr, /^Error: no$/m);
  });

  test('a replaced process.stderr.write does not suppress a notice', async () => {
    // Nx does this while its TUI is active.
    const result = await run(
      "process.stderr.write = () => true; notice('a', 'one');",
    );
    assert.equal(result.stderr, 'nx-azure-cache: one\n');
  });

  test('stderr without a reader', async () => {
    const notices = JSON.stringify(
      path.join(packageFolder, 'lib', 'notices.js'),
    );
    const child = spawn(
      process.execPath,
      [
        '-e',
        `const { notice } = require(${notices});
        notice('a', '', 'one');
        process.stdin.on('end', () => process.exit(3)).resume();`,
      ],
      { stdio: 'pipe', timeout: patience },
    );
    child.stderr.destroy();
    await once(child.stderr, 'close');
    child.stdin.end();
    const [code, signal] = await once(child, 'exit');
    assert.deepEqual([code, signal], [3, null]);
  });

  test('closed stderr', async () => {
    const { code, signal, stdout } = await run(`
      notice('a', 'one');
      require('node:fs').closeSync(2);
      process.exit(3);
    `);
    assert.deepEqual([code, signal, stdout], [3, null, '']);
  });

  test('a run that fails for other reasons keeps its exit code', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', () => process.exit(1)),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).retrieve('h', cacheDirectory),
      { binary, exit: 3 },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'exited with code 1');
  });

  test('prints nothing during the run', async (t) => {
    const { report, lines } = await runAsNx(
      t,
      async ({ getRemoteCache }) => {
        /** @type {string[]} */
        const written = [];
        const fs = require('node:fs');
        const { writeSync } = fs;
        fs.writeSync = /** @type {any} */ (
          (/** @type {any[]} */ ...args) => {
            written.push('writeSync');
            return Reflect.apply(writeSync, fs, args);
          }
        );
        const write = process.stderr.write;
        process.stderr.write = () => Boolean(written.push('stderr'));
        await getRemoteCache();
        const before = [...written];
        process.stderr.write = write;
        fs.writeSync = writeSync;
        return before;
      },
      { workspace: temporaryFolder(t) },
    );
    assert.deepEqual(report, []);
    assertOneLine(lines);
  });

  test('a run that ends during a request prints none', async (t) => {
    const binary = fakeServer(t, (server) => server.on('retrieve', () => {}));
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        void (await open()).retrieve('h', cacheDirectory);
        await new Promise((resolve) => setTimeout(resolve, 100));
      },
      { binary, exit: 3 },
    );
    assert.deepEqual(lines, []);
  });
});
