'use strict';

const fs = require('node:fs');
const { printableLine, printableLines } = require('./printable');

/**
 * What the user reads once the run is over: one line per kind of trouble.
 * Until then Nx may own the terminal (its TUI swallows what is written to
 * process.stderr, and a line written past it lands in the picture).
 *
 * @typedef {{ line: string, rank: number, topic: string }} Notice
 *
 * @type {Map<string, Notice[]>} by kind: the last is written, the others if those after
 *   it are withdrawn
 */
const notices = new Map();

/** @type {(() => void)[]} what is done before the lines are written */
const exitTasks = [];

/**
 * The kinds of trouble with requests: what failed, not who notices it. Reading and
 * writing, the server, this process and `drain` share them.
 */
const kinds = {
  /** The storage, the network before it, or the settings and rights to use it. */
  storage: 'storage',
  /** This machine's file system, and the folder of the server. */
  files: 'files',
  /** The server, or what it sends. */
  process: 'process',
  /** An entry that is damaged or not to be trusted. */
  entry: 'entry',
  /** A request that no Nx makes. */
  request: 'request',
};

let listening = false;

/**
 * Variables that Nx sets for a task, one of them at least: for a task (20.0 to 24), for
 * one in a forked process (22), for a batch (23, 24).
 */
const taskVariables = [
  'NX_TASK_HASH',
  'NX_TASK_TARGET_PROJECT',
  'NX_FORKED_TASK_EXECUTOR',
  'NX_INVOCATION_ROOT_PID',
  'NX_INVOCATION_ANCESTOR_PIDS',
];

/** @type {{ file: string } | undefined} where text goes instead of stderr, if anywhere */
let silenced;

/**
 * Writes nothing to stderr from now on if Nx started this process as a task. Nx stores
 * what a task prints, and prints it again wherever it finds the result in a cache: an
 * error of today would come out of the cache of healthy machines. Where Nx does not
 * store it, as for a task without cache, no variable says so. Text goes to the file of
 * NX_AZURE_CACHE_LOG_FILE, if there is one.
 *
 * @param {NodeJS.ProcessEnv} env what came from outside
 */
function silenceInTask(env) {
  if (!taskVariables.some((name) => env[name])) return;
  silenced = { file: env.NX_AZURE_CACHE_LOG_FILE?.trim() ?? '' };
}

/** Whether nothing may be written to stderr. */
function isSilent() {
  return silenced !== undefined;
}

/**
 * The one exit listener: there only what is synchronous still happens. It is the
 * first one, because a listener of Nx 20 (bin/nx.js) calls process.exit again,
 * and that ends the process at once.
 */
function listen() {
  if (listening) return;
  listening = true;
  process.prependOnceListener('exit', () => {
    for (const task of exitTasks) task();
    const last = [...notices.values()].flatMap((ofKind) => ofKind.slice(-1));
    write(last.map(({ line }) => `${line}\n`).join(''));
  });
}

/**
 * Tells the user one thing, once the run is over.
 *
 * @param {string} kind what the line is about; see `kinds`
 * @param {string} text one line, without a secret, that says what to do
 * @param {{ rank?: number, topic?: string }} [options] `rank`: of the lines of a kind the
 *   first one of the highest rank is written; `topic`: for `withdraw`
 */
function notice(kind, text, { rank = 0, topic = '' } = {}) {
  listen();
  const before = notices.get(kind) ?? [];
  if (before.some((other) => other.rank >= rank)) return;
  const line = printableLine(`nx-azure-cache: ${text}`);
  const others = before.filter((other) => other.topic !== topic);
  notices.set(kind, [...others, { line, rank, topic }]);
}

/**
 * Takes back what the user would be told of a topic. Another line of the kind that it has
 * replaced is written instead.
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
 * Registers what is to be done when the process exits, before the lines are
 * written. It must not throw: that would change the exit code.
 *
 * @param {() => void} task
 */
function onExit(task) {
  exitTasks.push(task);
  listen();
}

/** Milliseconds for which this process still waits for a stderr that is full. */
let stderrTimeout = 1000;

/** Between two looks at it. */
const retryInterval = 10;

/**
 * Writes text to stderr at once, past Nx, which may have replaced
 * process.stderr.write; or, in a task, to the file of the log. Controls are escaped in all of it, as the text may be a
 * child's log. A stderr that is closed or stays full loses the text.
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
 * @param {string} file '': nowhere
 */
function append(bytes, file) {
  if (!file || bytes.length === 0) return;
  try {
    fs.appendFileSync(file, bytes, { mode: 0o600 });
  } catch {} // the server has said so, as a warning
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
 * Lets a pipe that is full say EAGAIN: else a write lasts until somebody reads,
 * perhaps for ever. Node does so when it opens its stream, but each child that
 * inherits stderr undoes it. Node's end restores what was.
 */
function setNonBlocking() {
  if (process.platform === 'win32') return;
  try {
    const { isTTY, _handle } = /** @type {any} */ (process.stderr);
    if (!isTTY) _handle?.setBlocking?.(false);
  } catch {} // somebody has replaced it
}

/** @param {number} milliseconds */
function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

exports.kinds = kinds;
exports.onExit = onExit;
exports.silenceInTask = silenceInTask;
exports.isSilent = isSilent;
exports.notice = notice;
exports.withdraw = withdraw;
exports.write = write;
