'use strict';

// The CPU and memory that a process has used, from /proc: Linux only.

const fs = require('node:fs');
const { kindOf, readStrings } = require('./processes');

/** Clock ticks in a second, on every Linux that Node runs on. */
const ticks = 100;

/**
 * The descendants of a process.
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
    for (const [child, itsParent] of parents) {
      if (itsParent === pid) found.push(child);
    }
  }
  return found.slice(1);
}

/**
 * The fields of /proc/<pid>/stat from the third on.
 *
 * @param {number} pid
 * @returns {string[] | undefined} undefined if there is no such process
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
 * Our server below a process, if it has started one.
 *
 * @param {number} parent
 */
function serverBelow(parent) {
  return descendants(parent).find(
    (pid) => kindOf(readStrings(pid, 'cmdline')) === 'serve',
  );
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
 * The peak memory of a process, in bytes.
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

/**
 * Watches the memory of a server.
 *
 * @param {() => number | undefined} find looks for its process ID; called again until it finds one
 * @returns {() => number} stops watching, and returns the peak in bytes
 */
function watchMemory(find) {
  let peak = 0;
  /** @type {number | undefined} */
  let pid;
  const timer = setInterval(() => {
    pid ??= find();
    const memory = pid ? peakMemoryOf(pid) : 0;
    if (memory === 0) pid = undefined; // it has ended
    peak = Math.max(peak, memory);
  }, 25);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

exports.cpuOf = cpuOf;
exports.peakMemoryOf = peakMemoryOf;
exports.serverBelow = serverBelow;
exports.watchMemory = watchMemory;
