'use strict';

const { spawn } = require('node:child_process');
const { root } = require('./root');

/** @import { SpawnOptions } from 'node:child_process' */

/**
 * @typedef {object} Result
 * @property {number} code exit code; 128 and more after a signal
 * @property {string} output stdout and stderr, in the order of their arrival
 * @property {string} stdout
 * @property {number} took milliseconds
 */

/**
 * Every command is its own process group, so that this process can end it with all its
 * descendants: npx starts Nx, which starts the tasks.
 */
const detached = process.platform !== 'win32';

/** @type {Map<import('node:child_process').ChildProcess, Promise<unknown>>} the commands that run, and their ends */
const running = new Map();

/**
 * Runs a command and resolves to its result, even if it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, echo?: boolean, timeout?: number, onSpawn?: (pid: number) => void }} [options]
 *   `echo` shows the output as it arrives; `timeout` in milliseconds, after
 *   which the command is killed
 * @returns {Promise<Result>}
 */
function attempt(
  command,
  args,
  {
    cwd = root,
    env = process.env,
    input,
    echo = false,
    timeout,
    onSpawn = () => {},
  } = {},
) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    /** @type {SpawnOptions} */
    const options = {
      cwd,
      env,
      detached,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      shell: process.platform === 'win32', // npm and npx are .cmd files there
    };
    const child = spawn(command, args, options);
    if (child.pid) onSpawn(child.pid);
    const closed = new Promise((resolve) => child.once('close', resolve));
    running.set(child, closed);
    const timer = timeout && setTimeout(() => kill(child, 'SIGKILL'), timeout);
    let output = '';
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
      stdout += text;
      if (echo) process.stdout.write(text);
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (echo) process.stderr.write(text);
    });
    child.on('error', (cause) =>
      reject(new Error(`cannot run ${command}: ${cause.message}`, { cause })),
    );
    child.on('close', (code) => {
      clearTimeout(timer);
      running.delete(child);
      const took = performance.now() - started;
      resolve({ code: code ?? 128, output, stdout, took });
    });
    child.stdin?.end(input);
  });
}

/**
 * Runs a command. Rejects with its output if it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Parameters<typeof attempt>[2]} [options]
 */
async function run(command, args, options) {
  const result = await attempt(command, args, options);
  if (result.code !== 0) {
    const said = options?.echo ? '' : `:\n${result.output.trim()}`;
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.code}${said}`,
    );
  }
  return result;
}

/** Ends every command that still runs, with its descendants. */
async function endRunning() {
  const ended = [...running].map(async ([child, closed]) => {
    kill(child, 'SIGTERM');
    const timer = setTimeout(() => kill(child, 'SIGKILL'), 5000);
    await closed;
    clearTimeout(timer);
    kill(child, 'SIGKILL'); // the rest of its group
  });
  await Promise.all(ended);
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function kill(child, signal) {
  if (!child.pid) return;
  try {
    process.kill(detached ? -child.pid : child.pid, signal);
  } catch {
    // It has ended.
  }
}

exports.attempt = attempt;
exports.run = run;
exports.endRunning = endRunning;
