'use strict';

const { describe } = require('./faults');

/** @import { Plan } from './plan' */

const widths = [5, 18, 16, 14, 8, 7];

function header() {
  return line(
    'run',
    'seed',
    'workspace',
    'hits/misses',
    'result',
    'seconds',
    'faults',
  );
}

/**
 * @param {number} number
 * @param {Plan} plan
 * @param {{ hits: number, misses: number, failures: string[] }} run
 * @param {number} seconds
 */
function row(number, { seed, projects, rounds }, run, seconds) {
  const faults = rounds.flatMap(({ damage, faults }) => [...damage, ...faults]);
  return line(
    String(number),
    seed,
    `${projects.length} projects`,
    `${run.hits}/${run.misses}`,
    run.failures.length > 0 ? 'FAILED' : 'ok',
    seconds.toFixed(1),
    faults.map(describe).join(', ') || 'none',
  );
}

/** @param {string[]} cells */
function line(...cells) {
  return cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' ');
}

exports.header = header;
exports.row = row;
