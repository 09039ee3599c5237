'use strict';

const fs = require('node:fs');
const { formatOf, plain } = require('./annotations');
const { isProblem, urlOf, withCode } = require('./diagnostics');
const { printableLine, printableLines } = require('./printable');
const { reasonOf } = require('./reason');

/** @import { Line } from './annotations' */

/**
 * The lines for the user, printed at the end of the run, one for each kind of problem.
 * Earlier, Nx may own the terminal: its TUI discards what goes to process.stderr, and a
 * line written past it would land in its display.
 *
 * @typedef {Line & { rank: number, topic: string }} Notice
 *
 * @type {Map<string, Notice[]>} by kind. The last one is printed; an earlier one only if
 *   those after it are withdrawn
 */
const notices = new Map();

/** @type {(() => void)[]} tasks that run before the lines are printed */
const exitTasks = [];

/** @type {string[]} commands for the CI, each with its line end */
const commands = [];

/**
 * The kinds of problems with requests, by what failed. Reading and writing, the server,
 * this process and `drain` share them.
 */
const kinds = {
  /** The storage, the network, or the settings and permissions to use them. */
  storage: 'storage',
  /** This machine's file system, and the server's folder. */
  files: 'files',
  /** The server process, or its messages. */
  process: 'process',
  /** An entry that is damaged or not trusted. */
  entry: 'entry',
  /** A request that Nx does not send. */
  request: 'request',
};

let listening = false;

/**
 * Nx sets at least one of these variables for a task (20.0 to 24), for a task in a forked
 * process (22), and for a batch (23, 24).
 */
const taskVariables = [
  'NX_TASK_HASH',
  'NX_TASK_TARGET_PROJECT',
  'NX_FORKED_TASK_EXECUTOR',
  'NX_INVOCATION_ROOT_PID',
  'NX_INVOCATION_ANCESTOR_PIDS',
];

/** @type {{ file: string } | undefined} replaces stderr if it is set; '' discards output */
let silenced;

/**
 * Keeps this process from writing to stderr if Nx started it as a task. Nx stores what a
 * task prints and prints it again with every cache hit, so today's error would appear on
 * healthy machines. No variable tells tasks that Nx does not cache apart from the others.
 * Lines go to the file NX_AZURE_CACHE_LOG_FILE instead, if it is set.
 *
 * @param {NodeJS.ProcessEnv} env without variables from .env files
 */
function silenceInTask(env) {
  if (!taskVariables.some((name) => env[name])) return;
  silenced = { file: env.NX_AZURE_CACHE_LOG_FILE?.trim() ?? '' };
}

/** How the CI of this run shows lines. */
let format = plain;

/**
 * From now on, lines about problems are annotations if a CI that has them runs this process.
 *
 * @param {NodeJS.ProcessEnv} env without variables from .env files
 */
function annotateInCI(env) {
  format = formatOf(env);
}

let isDebugging = false;

/**
 * From now on, `debug` writes if the log level is debug.
 *
 * @param {NodeJS.ProcessEnv} env without variables from .env files
 */
function debugIfAsked({ NX_AZURE_CACHE_LOG }) {
  isDebugging = NX_AZURE_CACHE_LOG?.trim().toLowerCase() === 'debug';
}

/**
 * Writes a line for the maintainers of this package.
 *
 * @param {string} text one line, without secrets
 */
function debug(text) {
  if (isDebugging) write(`nx-azure-cache: ${text}\n`);
}

/** Whether this process must not write to stderr. */
function isSilent() {
  return silenced !== undefined;
}

/**
 * Adds the one exit listener, which may do only synchronous work. It must be the first
 * one, because a listener of Nx 20 (bin/nx.js) calls process.exit again, which ends the
 * process at once.
 */
function listen() {
  if (listening) return;
  listening = true;
  process.prependOnceListener('exit', () => {
    for (const task of exitTasks) runExitTask(task);
    const last = [...notices.values()].flatMap((ofKind) => ofKind.slice(-1));
    if (silenced) write(plain(last));
    else writeToStderr(Buffer.from(format(last) + commands.join('')));
  });
}

/**
 * An error would change the exit code of Nx, and keep other tasks from running.
 *
 * @param {() => void} task
 */
function runExitTask(task) {
  try {
    task();
  } catch (err) {
    debug(`the end of the run failed: ${reasonOf(err)}`);
  }
}

/**
 * Prints a line at the end of the run.
 *
 * @param {string} kind what the line is about; see `kinds`
 * @param {unknown} code of `diagnostics`, or what the server sent as a code
 * @param {string} text one line, without secrets: what happened, why, and what to do
 * @param {{ rank?: number, topic?: string }} [options] `rank`: of all lines of a kind, the
 *   first one with the highest rank is printed; `topic`: for `withdraw`
 */
function notice(kind, code, text, { rank = 0, topic = '' } = {}) {
  const own = urlOf(code) ? String(code) : '';
  const line = withCode(printableLine(`nx-azure-cache: ${text}`), own);
  add(kind, { line, code: own, isProblem: isProblem(own), rank, topic });
}

/**
 * Prints a line at the end of the run that is not about a problem, and has no code.
 *
 * @param {string} kind
 * @param {string} text one line
 */
function report(kind, text) {
  const line = printableLine(`nx-azure-cache: ${text}`);
  add(kind, { line, code: '', isProblem: false, rank: 0, topic: '' });
}

/**
 * @param {string} kind
 * @param {Notice} added
 */
function add(kind, added) {
  listen();
  const before = notices.get(kind) ?? [];
  if (before.some((other) => other.rank >= added.rank)) return;
  const others = before.filter((other) => other.topic !== added.topic);
  notices.set(kind, [...others, added]);
}

/**
 * Gives the CI a command at the end of the run. A task gives none: Nx would repeat it with
 * each cache hit.
 *
 * @param {string} text of annotations.js, with its line end
 */
function command(text) {
  commands.push(text);
  listen();
}

/**
 * Withdraws the line about a topic. A line of the same kind that it replaced is printed
 * instead.
 *
 * @param {string} kind
 * @param {string} topic
 */
function withdraw(kind, topic) {
  const ofKind = notices.get(kind) ?? [];
  notices.set(
    kind,
    ofKind.filter((other) => other.topic !== topic),
  );
}

/**
 * Registers a task that runs when the process exits, before the lines are printed.
 *
 * @param {() => void} task
 */
function onExit(task) {
  exitTasks.push(task);
  listen();
}

/** The remaining milliseconds that this process waits for a full stderr. */
let stderrTimeout = 1000;

/** Milliseconds between two attempts to write to it. */
const retryInterval = 10;

/**
 * Writes text to stderr at once, or in a task to the log file. It bypasses
 * process.stderr.write, which Nx may have replaced. Control characters are escaped, because
 * the text may be a child's log. If stderr is closed or stays full, the text is lost.
 *
 * @param {string} text
 */
function write(text) {
  const bytes = Buffer.from(printableLines(text));
  if (silenced) append(bytes, silenced.file);
  else writeToStderr(bytes);
}

/**
 * @param {Buffer} bytes
 * @param {string} file '' discards the bytes
 */
function append(bytes, file) {
  if (!file || bytes.length === 0) return;
  try {
    fs.appendFileSync(file, bytes, { mode: 0o600 });
  } catch {} // the server has already warned about this file
}

/** @param {Buffer} bytes */
function writeToStderr(bytes) {
  for (let written = 0; written < bytes.length;) {
    try {
      setNonBlocking();
      written += fs.writeSync(2, bytes, written);
    } catch (err) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (err);
      if (code !== 'EAGAIN' || stderrTimeout <= 0) return;
      const since = performance.now();
      sleep(retryInterval);
      stderrTimeout -= performance.now() - since;
    }
  }
}

/**
 * Makes a write to a full pipe fail with EAGAIN. Otherwise it would block until someone
 * reads the pipe, perhaps forever. Node sets this when it opens the stream, but each child
 * that inherits stderr resets it. Node restores the original mode when it exits.
 */
function setNonBlocking() {
  if (process.platform === 'win32') return;
  try {
    const { isTTY, _handle } = /** @type {any} */ (process.stderr);
    if (!isTTY) _handle?.setBlocking?.(false);
  } catch {} // process.stderr was replaced
}

/** @param {number} milliseconds */
function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

exports.annotateInCI = annotateInCI;
exports.command = command;
exports.debug = debug;
exports.debugIfAsked = debugIfAsked;
exports.kinds = kinds;
exports.onExit = onExit;
exports.silenceInTask = silenceInTask;
exports.isSilent = isSilent;
exports.notice = notice;
exports.report = report;
exports.sleep = sleep;
exports.taskVariables = taskVariables;
exports.withdraw = withdraw;
exports.write = write;
