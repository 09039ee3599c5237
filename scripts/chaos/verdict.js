'use strict';

// Decides whether a round has passed.

const { extraTime } = require('./extra-time');
const {
  checkClean,
  checkHits,
  checkResults,
  checkLines,
  count,
} = require('./check');
const { processesLeft, processesOf, signal } = require('../kit/processes');
const { checkConcurrentRun, wrongEntries } = require('./concurrent-runs');
const { drain } = require('./machine');

/** @import { Expected } from './check' */
/** @import { Plan, Round } from './plan' */
/** @import { StoreCall } from './store-calls' */
/** @import { ChaosMachine } from './machine' */
/** @import { Result } from '../kit/run' */

/** Milliseconds after which Nx counts as hanging. */
const nxTimeout = 150_000;

/** Milliseconds that our processes may run after Nx, besides the drain. */
const grace = 8000;

/**
 * The facts that the checks of a round need.
 *
 * @typedef {object} Context
 * @property {Plan} plan
 * @property {Expected} expected
 * @property {string[]} secrets that no output may contain
 * @property {StoreCall[]} storeCalls that were recorded
 */

/**
 * Checks that our processes end by themselves after Nx, and kills those that remain.
 *
 * @param {ChaosMachine} machine
 * @param {boolean} isKilled whether a signal has ended Nx
 */
async function checkEnd(machine, isKilled) {
  const left = await processesLeft(
    machine,
    drain + grace,
    ({ kind }) => !isKilled || kind !== 'other',
  );
  // Tasks of a killed Nx may remain, but they are not our processes.
  for (const { pid } of processesOf(machine)) signal(pid, 'SIGKILL');
  await processesLeft(machine, grace);
  return left.map(({ pid, command }) => `left: ${pid} ${command}`);
}

/**
 * Checks that a run ends in time, and prints no more lines than there are problems.
 *
 * @param {Round} round
 * @param {Result} result
 * @param {Context} context
 */
function checkRun(round, result, { plan, expected, secrets }) {
  const problems = [];
  const { took } = result;
  const { took: baseline } = expected;
  const limit = extraTime(round, plan) + 3 * baseline;
  if (took >= nxTimeout) problems.push('Nx hangs');
  else if (took > limit) {
    problems.push(
      `took ${took | 0} ms, at most ${limit | 0}; ${baseline | 0} ms without a cache`,
    );
  }
  const { kind, faults, damage } = round;
  const isQuiet = kind === 'calm' || kind === 'proof';
  const lineProblems = checkLines(result, {
    secrets,
    maxLines: isQuiet ? 0 : Math.max(1, faults.length + damage.length),
  });
  return [...problems, ...lineProblems];
}

/**
 * What the checks of a round have found.
 *
 * @typedef {object} Verdict
 * @property {string[]} problems
 * @property {string[]} races of Nx itself; no check is possible after one
 * @property {{ hits: number, misses: number }} counts of the tasks
 */

/**
 * Checks a round by its kind, after Nx has ended.
 *
 * @param {Round} round
 * @param {ChaosMachine} machine
 * @param {Result} result
 * @param {Context} context
 * @returns {Verdict}
 */
function checkRound(round, machine, result, { plan, expected, storeCalls }) {
  const { kind, faults } = round;
  /** @type {(problems: string[], more?: Partial<Verdict>) => Verdict} */
  const verdict = (problems, more) => ({
    problems,
    races: [],
    counts: { hits: 0, misses: 0 },
    ...more,
  });
  if (kind === 'concurrent') {
    const problems = checkConcurrentRun(result, expected);
    return verdict([...problems, ...checkClean(machine)]);
  }
  if (kind === 'failing') {
    const isFailed = result.code !== 0;
    return verdict(
      isFailed ? checkClean(machine) : ['the flaky task has not failed'],
    );
  }
  const isFull = faults.some(
    (fault) => fault.on === 'disk' && fault.kind === 'small',
  );
  const isRun = machine.hasRun();
  if (isRun && plan.rounds.some(({ kind }) => kind === 'concurrent')) {
    const { ours, ofNx } = wrongEntries(machine, expected, storeCalls);
    if (ours.length + ofNx.length > 0) return verdict(ours, { races: ofNx });
  }
  const problems = checkResults(machine, result, expected, { isFull });
  if (!isRun) return verdict(problems);
  const tasks = machine.lastRun();
  if (kind === 'proof') problems.push(...checkHits(tasks, plan));
  if (kind !== 'faults') problems.push(...checkClean(machine, round));
  return verdict(problems, { counts: count(tasks) });
}

exports.checkEnd = checkEnd;
exports.checkRound = checkRound;
exports.checkRun = checkRun;
exports.nxTimeout = nxTimeout;
