'use strict';

const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { processesOf, signal } = require('../kit/processes');

/** @import { Machine } from '../kit/machine' */
/** @import { SignalFault } from './faults' */
/** @import { ProxyProcess } from './proxy-process' */

/**
 * The run to which a signal is sent.
 *
 * @typedef {object} Scene
 * @property {number} nx process ID; Nx is the leader of its group
 * @property {Machine} machine
 * @property {ProxyProcess} proxy
 * @property {AbortSignal} over aborted when Nx has ended
 */

/**
 * Sends a signal at its moment, and resolves to whether it reached a process.
 *
 * @param {SignalFault} fault
 * @param {Scene} scene
 */
async function signalAtMoment(fault, scene) {
  await moment(fault.when, scene);
  if (fault.process === 'machine') return signalAll(fault, scene);
  const pid = await target(fault.process, scene);
  if (pid === undefined || !signal(pid, fault.signal)) return false;
  if (fault.resume !== undefined) {
    await pause(fault.resume, scene.over);
    signal(pid, 'SIGCONT');
  }
  return true;
}

/**
 * Sends a signal to every process of a machine, including those that start meanwhile.
 *
 * @param {SignalFault} fault
 * @param {Scene} scene
 */
async function signalAll({ signal: name, resume }, { machine, over }) {
  /** @type {Set<number>} */
  const signalled = new Set();
  for (let isNew = !over.aborted; isNew;) {
    const pids = processesOf(machine).map(({ pid }) => pid);
    const found = pids.filter(
      (pid) => !signalled.has(pid) && signal(pid, name),
    );
    found.forEach((pid) => signalled.add(pid));
    isNew = found.length > 0;
  }
  if (resume !== undefined) {
    await sleep(resume); // Nx is stopped too, so the round cannot end meanwhile
    for (const pid of signalled) signal(pid, 'SIGCONT');
  }
  return signalled.size > 0;
}

/**
 * @param {SignalFault['when']} when
 * @param {Scene} scene
 */
async function moment(when, { machine, proxy, over }) {
  if (when.event === 'request') {
    await reached(proxy, when.number, over);
  } else {
    if (when.event !== 'nx') await waitFor(machine, when.event, over);
    await pause(when.milliseconds, over);
  }
}

/**
 * @param {Exclude<SignalFault['process'], 'machine'>} process
 * @param {Scene} scene
 */
async function target(process, { nx, machine, over }) {
  if (process === 'nx' || process === 'group') {
    if (over.aborted) return undefined; // another process may have this ID by now
    return process === 'nx' ? nx : -nx;
  }
  return (await waitFor(machine, process, over))?.pid;
}

/**
 * Waits until a round has sent a number of requests, or is over.
 *
 * @param {ProxyProcess} proxy
 * @param {number} number
 * @param {AbortSignal} over
 */
async function reached(proxy, number, over) {
  try {
    for (;;) {
      const [current] = await once(proxy, 'request', { signal: over });
      if (current >= number) return;
    }
  } catch {
    // The round is over.
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} over ends the pause
 */
async function pause(milliseconds, over) {
  await sleep(milliseconds, undefined, { signal: over }).catch(() => {});
}

/**
 * Waits for a process of ours on a machine, or for the end of the round.
 *
 * @param {Machine} machine
 * @param {'serve' | 'drain'} kind
 * @param {AbortSignal} over
 */
async function waitFor(machine, kind, over) {
  // Inspecting every process each time would leave no CPU for the proxy.
  const others = new Set();
  while (!over.aborted) {
    const found = processesOf(machine, others).find(
      (process) => process.kind === kind,
    );
    if (found) return found;
    await sleep(15);
  }
  return undefined;
}

exports.reached = reached;
exports.signalAtMoment = signalAtMoment;
