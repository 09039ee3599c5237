'use strict';

const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { processesOf, signal } = require('../kit/processes');

/** @import { Machine } from '../kit/machine' */
/** @import { SignalFault } from './faults' */
/** @import { ProxyProcess } from './proxy-process' */

/**
 * Where a signal goes.
 *
 * @typedef {object} Scene
 * @property {number} nx process ID; Nx is the leader of its group
 * @property {Machine} machine
 * @property {ProxyProcess} proxy
 * @property {AbortSignal} over aborted when Nx has ended
 */

/**
 * Sends a signal at its moment. Resolves to whether it reached a process.
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
 * Sends a signal to every process of a machine, including new ones.
 *
 * @param {SignalFault} fault
 * @param {Scene} scene
 */
async function signalAll({ signal: name, resume }, { machine, over }) {
  /** @type {Set<number>} */
  const met = new Set();
  for (let isNew = !over.aborted; isNew;) {
    const pids = processesOf(machine).map(({ pid }) => pid);
    const found = pids.filter((pid) => !met.has(pid) && signal(pid, name));
    found.forEach((pid) => met.add(pid));
    isNew = found.length > 0;
  }
  if (resume !== undefined) {
    await sleep(resume); // nothing that stands still ends
    for (const pid of met) signal(pid, 'SIGCONT');
  }
  return met.size > 0;
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
    if (over.aborted) return undefined; // its number may be another's by now
    return process === 'nx' ? nx : -nx;
  }
  return (await waitFor(machine, process, over))?.pid;
}

/**
 * Waits for a request of a round, or for the end of the round.
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
 * Waits for a process of a machine, or for the end of the round.
 *
 * @param {Machine} machine
 * @param {'serve' | 'drain'} kind
 * @param {AbortSignal} over
 */
async function waitFor(machine, kind, over) {
  // Looking at all processes all the time would leave no time for the proxy.
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
