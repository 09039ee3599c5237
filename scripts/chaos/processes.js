'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/**
 * A process of a machine, found by the variable in its environment, which
 * every process inherits from Nx whatever becomes of its parents.
 *
 * @typedef {object} Found
 * @property {number} pid
 * @property {'serve' | 'drain' | 'other'} kind `serve` and `drain` are ours
 * @property {string} command
 */

/** The variable that says to which machine a process belongs. */
const variable = 'CHAOS_MACHINE';

/**
 * @param {string} machine value of the variable
 * @param {Set<string>} [others] process IDs that are not looked at; those that
 *   are found to be others' are added
 * @returns {Found[]}
 */
function processesOf(machine, others = new Set()) {
  const wanted = `${variable}=${machine}`;
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !others.has(name))
    .flatMap((pid) => {
      // A process that has ended meanwhile, or a zombie, has neither.
      const environment = read(pid, 'environ');
      if (!environment.includes(wanted)) {
        others.add(pid);
        return [];
      }
      const argv = read(pid, 'cmdline');
      return [
        { pid: Number(pid), kind: kindOf(argv), command: argv.join(' ') },
      ];
    });
}

/**
 * @param {string} pid
 * @param {string} file
 */
function read(pid, file) {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * @param {string[]} argv
 * @returns {Found['kind']}
 */
function kindOf([file = '', command]) {
  if (path.basename(file) !== 'nx-azure-cache') return 'other';
  return command === 'drain' ? 'drain' : 'serve';
}

/**
 * Waits until no process of a machine is left, and resolves to those that are
 * there when the time is over.
 *
 * @param {string} machine
 * @param {number} milliseconds
 * @param {(found: Found) => boolean} [filter]
 */
async function waitUntilGone(machine, milliseconds, filter = () => true) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const left = processesOf(machine).filter(filter);
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(25);
  }
}

/**
 * Resolves to a process of a machine when there is one; to undefined when the
 * round is over before.
 *
 * @param {string} machine
 * @param {Found['kind']} kind
 * @param {AbortSignal} over
 */
async function waitFor(machine, kind, over) {
  // Looking at all of them all the time would leave no time for the proxy.
  const others = new Set();
  while (!over.aborted) {
    const found = processesOf(machine, others).find((it) => it.kind === kind);
    if (found) return found;
    await sleep(15);
  }
  return undefined;
}

/**
 * @param {number} pid of a process, or negative of a group
 * @param {NodeJS.Signals} signal
 * @returns {boolean} whether it was there
 */
function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

exports.processesOf = processesOf;
exports.send = send;
exports.variable = variable;
exports.waitFor = waitFor;
exports.waitUntilGone = waitUntilGone;
