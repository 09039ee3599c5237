'use strict';

// What processes have used, from /proc: Linux only.

const fs = require('node:fs');

/** Clock ticks in a second, on every Linux that Node runs on. */
const ticks = 100;

/**
 * The children of a process, and theirs.
 *
 * @param {number} parent
 * @returns {number[]}
 */
function descendants(parent) {
  const parents = new Map(
    fs.readdirSync('/proc').flatMap((name) => {
      const fields = /^\d+$/.test(name) && statOf(Number(name));
      return fields ? [[Number(name), Number(fields[1])]] : [];
    }),
  );
  const found = [parent];
  for (const pid of found) {
    for (const [child, its] of parents) if (its === pid) found.push(child);
  }
  return found.slice(1);
}

/**
 * The fields of /proc/<pid>/stat from the third on.
 *
 * @param {number} pid
 * @returns {string[] | undefined} undefined when there is no such process
 */
function statOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/**
 * Whether a process is our server.
 *
 * @param {number} pid
 */
function isServer(pid) {
  try {
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return /nx-azure-cache(\.exe)?\0serve\0/.test(command);
  } catch {
    return false;
  }
}

/**
 * Our server below a process, if it has started one.
 *
 * @param {number} parent
 */
function serverBelow(parent) {
  return descendants(parent).find(isServer);
}

/**
 * Seconds of CPU that a process has used.
 *
 * @param {number} pid
 */
function cpuOf(pid) {
  const fields = statOf(pid);
  return fields ? (Number(fields[11]) + Number(fields[12])) / ticks : 0;
}

/**
 * The most memory that a process has had at once, in bytes.
 *
 * @param {number} pid
 */
function peakMemoryOf(pid) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

exports.cpuOf = cpuOf;
exports.peakMemoryOf = peakMemoryOf;
exports.serverBelow = serverBelow;
