'use strict';

// The processes of a machine (scripts/kit/machine.js): those whose HOME is its
// home, so whatever Nx has started, however it was orphaned. Linux only.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/** @import { Machine } from './machine' */
/** @typedef {{ pid: number, command: string, isServer: boolean }} Process */

/**
 * @param {Machine} machine
 * @returns {Process[]} without those that have ended and that nobody has asked
 *   for their exit code yet
 */
function processesOf(machine) {
  const home = `HOME=${machine.home}`;
  return fs.readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = fs.readFileSync(`/proc/${name}/environ`, 'utf8');
      if (!environment.split('\0').includes(home)) return [];
      const status = fs.readFileSync(`/proc/${name}/status`, 'utf8');
      if (/^State:\s+[ZX]/m.test(status)) return [];
      const command = fs
        .readFileSync(`/proc/${name}/cmdline`, 'utf8')
        .replaceAll('\0', ' ')
        .trim();
      const executable = path.basename(fs.readlinkSync(`/proc/${name}/exe`));
      const isServer =
        executable === 'nx-azure-cache' && / serve\b/.test(command);
      return [{ pid: Number(name), command, isServer }];
    } catch {
      return []; // it has just ended
    }
  });
}

/**
 * Waits for the server of a machine.
 *
 * @param {Machine} machine
 * @param {number} [limit] milliseconds
 * @returns {Promise<number>} its process id
 */
async function serverOf(machine, limit = 30_000) {
  const found = await until(
    () => processesOf(machine).find(({ isServer }) => isServer),
    limit,
  );
  if (!found) throw new Error('no server was started');
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
  if (!found) throw new Error('Nx does not run');
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
 * Waits until the exit listener of Nx waits for the results that are not stored.
 *
 * @param {Machine} machine
 */
async function draining(machine) {
  const isDrain = () =>
    processesOf(machine).some(({ command }) =>
      / drain --folder /.test(command),
    );
  if (!(await until(isDrain, 30_000))) throw new Error('nothing is waited for');
}

/**
 * Asserts that no process of a machine is left, or none within a time.
 *
 * @param {Machine} machine
 * @param {number} [limit] milliseconds
 */
async function assertNoProcess(machine, limit = 5_000) {
  await until(() => processesOf(machine).length === 0, limit);
  const left = processesOf(machine);
  for (const { pid } of left) signal(pid, 'SIGKILL');
  if (left.length > 0) {
    const lines = left.map(({ pid, command }) => `${pid} ${command}`);
    throw new Error(`processes are left:\n${lines.join('\n')}`);
  }
}

/**
 * Waits until no server of a machine is left: one may end after Nx, and removes its
 * folder then. What else runs there may go on.
 *
 * @param {Machine} machine
 */
async function serversGone(machine) {
  const hasServer = () => processesOf(machine).some(({ isServer }) => isServer);
  if (await until(() => !hasServer(), 10_000)) return;
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
 * Polls until something is there.
 *
 * @template T
 * @param {() => T} get
 * @param {number} limit milliseconds
 * @returns {Promise<T>} the last that it has got
 */
async function until(get, limit) {
  const deadline = Date.now() + limit;
  for (;;) {
    const got = get();
    if (got || Date.now() > deadline) return got;
    await sleep(10);
  }
}

/**
 * Watches the memory of the server of a machine.
 *
 * @param {Machine} machine
 * @returns {() => number} stops, and returns the most it has used, in bytes
 */
function watchMemory(machine) {
  let most = 0;
  /** @type {number | undefined} */
  let pid;
  const timer = setInterval(() => {
    pid ??= processesOf(machine).find(({ isServer }) => isServer)?.pid;
    if (!pid) return;
    try {
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
      const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
      most = Math.max(most, kilobytes * 1024);
    } catch {
      pid = undefined;
    }
  }, 20);
  return () => {
    clearInterval(timer);
    return most;
  };
}

exports.assertNoProcess = assertNoProcess;
exports.draining = draining;
exports.groupOf = groupOf;
exports.nxOf = nxOf;
exports.processesOf = processesOf;
exports.serverOf = serverOf;
exports.serversGone = serversGone;
exports.signal = signal;
exports.until = until;
exports.watchMemory = watchMemory;
