'use strict';

// How much longer than a run without a cache a run of Nx may take.

/** @import { HttpFault } from './faults' */
/** @import { Plan, Round } from './plan' */

/**
 * Extra milliseconds for every run: for a timeout, the drain, and other work of this
 * machine.
 */
const everyRun = 20_000;

/**
 * Extra milliseconds for a server stopped by SIGSTOP. Nx stops waiting for its responses
 * after 15 s, and for its drain 10 s after the drain limit.
 */
const stoppedServer = 25_000;

/**
 * How many milliseconds a run of this round may take beyond three times its time without
 * a cache.
 *
 * @param {Round} round
 * @param {Plan} plan
 */
function extraTime({ faults, starts = [0] }, { projects }) {
  let total = everyRun + 5000 * (starts.length - 1);
  for (const fault of faults) {
    if (fault.on === 'process' && fault.signal === 'SIGSTOP') {
      total +=
        fault.process === 'machine' ? (fault.resume ?? 0) : stoppedServer;
    }
    if (fault.on === 'http') {
      total += slowness(fault) * Math.min(fault.count, 2 * projects.length);
    }
  }
  return total;
}

/**
 * How many milliseconds a fault delays a request without failing it.
 *
 * @param {HttpFault} fault
 */
function slowness({ kind, milliseconds }) {
  if (kind === 'delay') return milliseconds;
  return kind === 'slow' ? 3000 : 0;
}

exports.extraTime = extraTime;
