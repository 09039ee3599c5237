'use strict';

// nx-remotecache-custom#11: the plugin printed over Nx's full-screen UI.

const assert = require('node:assert/strict');
const { execFile, execFileSync } = require('node:child_process');
const { promisify } = require('node:util');
const { startFixture } = require('../kit/fixture');
const { respondWith, on } = require('../kit/http-faults');
const { build } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { splitScreen, startOnTerminal } = require('./terminal');
const { assertNothingLeft, assertOutcome } = require('./undisturbed');

/** @import { Machine } from '../kit/machine' */

/** The problem that occurs while the full-screen UI is visible. */
const serverError = on('all', respondWith(500));

quickTest('F26_lines_appear_after_the_full-screen_UI', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = serverError;
  const a = machine('a');
  const { drawn, ended } = startOnTerminal(a, [...build, '--tuiAutoExit=1']);
  assert.equal(await ended, 0);
  const { hasScreen, screen, after } = splitScreen(drawn());
  assert.ok(hasScreen, `no full-screen UI:\n${drawn()}`);
  assert.ok(!screen.includes('nx-azure-cache'), screen);
  const lines = after
    .split(/\r?\n/)
    .filter((line) => line.includes('nx-azure-cache:'));
  assert.equal(lines.length, 1, after);
  assert.ok(lines[0].startsWith('nx-azure-cache: '), JSON.stringify(lines[0]));
  assertOutcome(a, lines, { line: /remote cache/ });
  await assertNothingLeft(a);
});

const hasTmux = (() => {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

fullTest(
  'F26_full-screen_UI_in_tmux',
  { skip: !hasTmux && 'tmux is not installed' },
  async (t) => {
    const { machine, recorder } = await startFixture(t);
    recorder.fault = serverError;
    const a = machine('a', { env: { BUILD_TIME: '1500' } });
    const tmux = await startTmux(t, a);
    const command = `node_modules/.bin/nx ${build.join(' ')} --tuiAutoExit=1; echo "ended with $?"`;
    await tmux('send-keys', command, 'Enter');

    // While Nx runs, its UI is visible and none of our lines.
    const screens = new Set();
    for (let screen = ''; !/ended with \d/.test(screen);) {
      screen = await tmux('capture-pane', '-p');
      if (/Completed|In Progress|words:build/.test(screen)) screens.add(screen);
      assert.ok(
        !screen.includes('nx-azure-cache:') || /ended with \d/.test(screen),
        screen,
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(screens.size > 1, 'the screen was drawn');
    const last = await tmux('capture-pane', '-pJ', '-S', '-100');
    assert.match(last, /^nx-azure-cache: .*remote cache/m);
    assert.match(last, /^ended with 0$/m);
    await tmux('send-keys', 'exit', 'Enter');
  },
);

/**
 * Starts a separate tmux server, which ends with the test.
 *
 * @param {import('node:test').TestContext} t
 * @param {Machine} machine
 */
async function startTmux(t, machine) {
  const socket = `${machine.home}/tmux`;
  /** @type {(...args: string[]) => Promise<string>} */
  const tmux = async (...args) => {
    const { stdout } = await promisify(execFile)(
      'tmux',
      ['-S', socket, '-f', '/dev/null', ...args],
      {
        cwd: machine.workspace,
        env: { ...machine.env, NX_TUI: 'true', TERM: 'xterm-256color' },
      },
    );
    return stdout;
  };
  await tmux('new-session', '-d', '-x', '120', '-y', '40', 'sh');
  t.after(() => tmux('kill-server').catch(() => {}));
  return tmux;
}
