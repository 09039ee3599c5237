'use strict';

// The demo, as a newcomer runs it; and as one who loses patience does.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { root } = require('./kit/root');
const { linesOf, normalised, pictures, read } = require('./pictures');

/** @import { TestContext } from 'node:test' */

/**
 * Starts the demo with a folder for temporary files of its own.
 *
 * @param {TestContext} t
 * @param {string[]} args
 */
function startDemo(t, ...args) {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'demo-test-'));
  t.after(() => fs.rmSync(temporary, { recursive: true, force: true }));
  const child = spawn(
    'node',
    [path.join(root, 'scripts', 'demo.js'), ...args],
    {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  child.stdout.setEncoding('utf8');
  return { child, temporary };
}

/**
 * The processes that mention a folder in their command line or environment.
 *
 * @param {string} folder
 */
function processesOf(folder) {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)
    .filter((pid) =>
      ['cmdline', 'environ'].some((file) => {
        try {
          return fs.readFileSync(`/proc/${pid}/${file}`).includes(folder);
        } catch {
          return false; // it has ended
        }
      }),
    );
}

test('machine B gets everything from the remote cache', async (t) => {
  const { child, temporary } = startDemo(t, '--doctor');
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  assert.match(output, /site:build +ran +\d+ ms +remote cache/);
  assert.match(output, /Machine B got all 6 results from the remote cache/);
  assert.deepEqual(fs.readdirSync(temporary).filter(isOurs), []);
  for (const [name, lines] of Object.entries(pictures(output))) {
    await t.test(`the picture ${name} shows what it printed`, () => {
      const shown = normalised(linesOf(read(name)));
      assert.deepEqual(shown, normalised(lines), 'run: npm run pictures');
    });
  }
});

/** Nx keeps a copy of its native library in the folder for temporary files. */
const isOurs = (/** @type {string} */ name) =>
  name.startsWith('nx-azure-cache');

test(
  'interrupted while Nx runs, it leaves nothing',
  { skip: process.platform !== 'linux' && 'looks for processes in /proc' },
  async (t) => {
    const { child, temporary } = startDemo(t);
    const ended = once(child, 'close');
    let output = '';
    let isInterrupted = false;
    child.stdout.on('data', (text) => {
      output += text;
      // What the first command of Nx prints, `nx add`.
      if (isInterrupted || !output.includes('NX  Generating')) return;
      isInterrupted = true;
      child.kill('SIGINT');
    });
    const [code] = await ended;
    assert.ok(isInterrupted, output);
    assert.equal(code, 130, output);
    assert.deepEqual(fs.readdirSync(temporary).filter(isOurs), []);
    assert.deepEqual(processesOf(temporary), []);
  },
);
