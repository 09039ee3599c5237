'use strict';

// How long a run of Nx may take.

/** @import { HttpFault } from './faults' */
/** @import { Plan, Round } from './plan' */

/**
 * Milliseconds that each run may take beyond three times its time without a cache: for a
 * timeout, the drain, and other work of this machine.
 */
const usual = 20_000;

/** The run stops waiting for a server that stands still after 15 s, and for its drain 10 s after its limit. */
const stopped = 25_000;

/**
 * Milliseconds that a run of this round may take beyond three times its time without a
 * cache.
 *
 * @param {Round} round
 * @param {Plan} plan
 */
function allowance({ faults, starts = [0] }, { projects }) {
  let most = usual + 5000 * (starts.length - 1);
  for (const fault of faults) {
    if (fault.on === 'process' && fault.signal === 'SIGSTOP') {
      most += fault.process === 'machine' ? (fault.resume ?? 0) : stopped;
    }
    if (fault.on === 'http') {
      most += slowness(fault) * Math.min(fault.count, 2 * projects.length);
    }
  }
  return most;
}

/**
 * Milliseconds by which a fault delays a request without failing it.
 *
 * @param {HttpFault} fault
 */
function slowness({ kind, milliseconds }) {
  if (kind === 'delay') return milliseconds;
  return kind === 'slow' ? 3000 : 0;
}

exports.allowance = allowance;
