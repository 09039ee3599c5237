'use strict';

const { describe } = require('./faults');

/** @import { Plan } from './plan' */

const widths = [5, 16, 13, 12, 7, 8, 17];

function header() {
  return line(
    'run',
    'seed',
    'workspace',
    'hits/misses',
    'result',
    'seconds',
    'scenario',
    'faults',
  );
}

/**
 * @param {number} number
 * @param {Plan} plan
 * @param {{ hits: number, misses: number, failures: string[], isCutShort: boolean }} run
 * @param {number} seconds
 */
function row(number, { seed, scenario, projects, rounds }, run, seconds) {
  const faults = rounds.flatMap(({ damage, faults }) => [...damage, ...faults]);
  return line(
    String(number),
    seed,
    `${projects.length} projects`,
    `${run.hits}/${run.misses}`,
    resultOf(run),
    seconds.toFixed(1),
    scenario,
    faults.map(describe).join(', ') || 'none',
  );
}

/** @param {{ failures: string[], isCutShort: boolean }} run */
function resultOf({ failures, isCutShort }) {
  if (failures.length > 0) return 'FAILED';
  return isCutShort ? 'Nx race' : 'ok';
}

/** @param {string[]} cells */
function line(...cells) {
  return cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' ');
}

exports.header = header;
exports.row = row;
