'use strict';

// Runs Nx on a terminal. The program `script` makes one and records what Nx draws on it. It
// is part of util-linux; on Debian of bsdutils, which every system has.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** @import { Machine } from '../kit/machine' */

/** What a full-screen program begins and ends with. */
const enter = '\x1b[?1049h';
const leave = '\x1b[?1049l';

/**
 * Runs Nx on a terminal of its own, with its full-screen UI.
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
    // No other UI than on a developer's terminal.
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
    /** What was drawn until now. */
    drawn: () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''),
  };
}

/**
 * What of a terminal's text was drawn in the full-screen UI, and what came
 * after it.
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
