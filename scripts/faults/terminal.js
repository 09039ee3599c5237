'use strict';

// Runs Nx on a terminal. The program `script` creates a terminal and records what Nx draws on
// it. `script` is part of util-linux; on Debian it is in bsdutils, which every system has.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** @import { Machine } from '../kit/machine' */

/** The control sequences with which a full-screen program begins and ends. */
const enter = '\x1b[?1049h';
const leave = '\x1b[?1049l';

/**
 * Runs Nx on a new terminal, with its full-screen UI.
 *
 * @param {Machine} machine
 * @param {string[]} args
 */
function startOnTerminal(machine, args) {
  const file = path.join(machine.home, 'screen');
  const nx = path.join('node_modules', '.bin', 'nx');
  const command = `stty rows 40 cols 120; exec ${nx} ${args.join(' ')}`;
  const child = spawn('script', ['-qefc', command, file], {
    cwd: machine.workspace,
    // The same UI as on a developer's terminal.
    env: { ...machine.env, NX_TUI: 'true', TERM: 'xterm-256color' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 128));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    /** @param {string} keys */
    type: (keys) => child.stdin.write(keys),
    /** What Nx has drawn so far. */
    drawn: () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''),
  };
}

/**
 * Splits the text of a terminal into the full-screen UI and the text after it.
 *
 * @param {string} drawn
 */
function splitScreen(drawn) {
  const [begin, end] = [drawn.indexOf(enter), drawn.lastIndexOf(leave)];
  return {
    hasScreen: begin >= 0 && end > begin,
    screen: drawn.slice(begin, end),
    after: drawn.slice(end),
  };
}

exports.splitScreen = splitScreen;
exports.startOnTerminal = startOnTerminal;
