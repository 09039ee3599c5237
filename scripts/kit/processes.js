'use strict';

// Finds the processes of a machine (machine.js) by their HOME, and so also finds processes that
// outlived their parents. Linux only.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { patience } = require('./patience');

/** @import { Machine } from './machine' */
/**
 * @typedef {object} Process
 * @property {number} pid
 * @property {'serve' | 'drain' | 'other'} kind `serve` and `drain` are our binary
 * @property {string} command
 */

/**
 * The processes of a machine, without zombies.
 *
 * @param {Pick<Machine, 'home'>} machine
 * @param {Set<string>} [others] process IDs to skip; the function adds those of other
 *   machines, so that the next call takes less time
 * @returns {Process[]}
 */
function processesOf({ home }, others = new Set()) {
  const wanted = `HOME=${home}`;
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !others.has(name))
    .flatMap((pid) => {
      if (!readStrings(pid, 'environ').includes(wanted)) {
        others.add(pid);
        return [];
      }
      if (hasEnded(pid)) return [];
      const argv = readStrings(pid, 'cmdline');
      const command = argv.join(' ').trim();
      return [{ pid: Number(pid), kind: kindOf(argv), command }];
    });
}

/**
 * The strings of a process's file. Each ends in a NUL.
 *
 * @param {string | number} pid
 * @param {'environ' | 'cmdline'} file
 */
function readStrings(pid, file) {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    return []; // it has just ended
  }
}

/** @param {string} pid */
function hasEnded(pid) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^State:\s+[ZX]/m.test(status);
  } catch {
    return true;
  }
}

/**
 * @param {string[]} argv
 * @returns {Process['kind']}
 */
function kindOf([file = '', command]) {
  if (!/^nx-azure-cache(\.exe)?$/.test(path.basename(file))) return 'other';
  return command === 'drain' ? 'drain' : 'serve';
}

/**
 * Waits for the server of a machine.
 *
 * @param {Machine} machine
 * @param {number} [limit] milliseconds
 * @returns {Promise<number>} its process id
 */
async function serverOf(machine, limit = patience) {
  const found = await until(() => processesOf(machine).find(isServer), limit);
  if (!found) throw new Error('no server has started');
  return found.pid;
}

/**
 * Nx's own process.
 *
 * @param {Machine} machine
 */
function nxOf(machine) {
  const found = processesOf(machine).find(({ command }) =>
    /^\S*node \S*\/(\.bin\/nx|nx\.js) /.test(command),
  );
  if (!found) throw new Error('Nx is not running');
  return found.pid;
}

/**
 * The process group of a process.
 *
 * @param {number} pid
 */
function groupOf(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[3]);
}

/**
 * Waits until Nx's exit listener has started to wait for uploads.
 *
 * @param {Machine} machine
 */
async function draining(machine) {
  const isDrain = () =>
    processesOf(machine).some(({ kind }) => kind === 'drain');
  if (!(await until(isDrain, patience)))
    throw new Error('no drain has started');
}

/**
 * Waits until no process of a machine is left.
 *
 * @param {Pick<Machine, 'home'>} machine
 * @param {number} limit milliseconds
 * @param {(process: Process) => boolean} [filter]
 * @returns {Promise<Process[]>} the processes that are left at the limit
 */
async function processesLeft(machine, limit, filter = () => true) {
  /** @type {Process[]} */
  let left = [];
  const isGone = () => {
    left = processesOf(machine).filter(filter);
    return left.length === 0;
  };
  await until(isGone, limit);
  return left;
}

/**
 * Asserts that no process of a machine is left, waiting up to `limit`. Kills those that are.
 * Without a limit, a server that waits for its drain limit of 60 s counts as left.
 *
 * @param {Machine} machine
 * @param {number} [limit] milliseconds
 */
async function assertNoProcess(machine, limit = patience / 2) {
  const left = await processesLeft(machine, limit);
  for (const { pid } of left) signal(pid, 'SIGKILL');
  if (left.length > 0) {
    const lines = left.map(({ pid, command }) => `${pid} ${command}`);
    throw new Error(`processes are left:\n${lines.join('\n')}`);
  }
}

/**
 * Waits until no server of a machine is left. A server may end after Nx, and removes its
 * folder then. Other processes may continue.
 *
 * @param {Machine} machine
 */
async function serversGone(machine) {
  const hasServer = () => processesOf(machine).some(isServer);
  if (await until(() => !hasServer(), patience)) return;
  throw new Error(`a server is left in ${machine.workspace}`);
}

/**
 * Sends a signal to a process, unless it has ended.
 *
 * @param {number} pid
 * @param {NodeJS.Signals} name
 */
function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Polls until `get` returns a truthy value.
 *
 * @template T
 * @param {() => T} get
 * @param {number} limit milliseconds
 * @returns {Promise<T>} the last value
 */
async function until(get, limit) {
  const deadline = Date.now() + limit;
  for (;;) {
    const got = get();
    if (got || Date.now() > deadline) return got;
    await sleep(20);
  }
}

/** @param {Process} process */
const isServer = ({ kind }) => kind === 'serve';

exports.assertNoProcess = assertNoProcess;
exports.draining = draining;
exports.groupOf = groupOf;
exports.isServer = isServer;
exports.kindOf = kindOf;
exports.nxOf = nxOf;
exports.processesLeft = processesLeft;
exports.processesOf = processesOf;
exports.readStrings = readStrings;
exports.serverOf = serverOf;
exports.serversGone = serversGone;
exports.signal = signal;
exports.until = until;
