'use strict';

// Decides whether a round has passed.

const { allowance } = require('./extra-time');
const {
  checkClean,
  checkHits,
  checkResults,
  checkLines,
  count,
} = require('./check');
const { processesLeft, processesOf, signal } = require('../kit/processes');
const { checkTogether, wrongEntries } = require('./concurrent-runs');
const { drain } = require('./machine');

/** @import { Expected } from './check' */
/** @import { Plan, Round } from './plan' */
/** @import { Note } from './store-calls' */
/** @import { ChaosMachine } from './machine' */
/** @import { Result } from '../kit/run' */

/** Milliseconds after which Nx is said to hang. */
const nxTimeout = 150_000;

/** Milliseconds for the end of our processes after that of Nx, beside the drain. */
const slack = 8000;

/**
 * What rounds are compared with.
 *
 * @typedef {object} Context
 * @property {Plan} plan
 * @property {Expected} expected
 * @property {string[]} secrets that no output may hold
 * @property {Note[]} notes of the witness
 */

/**
 * Our processes end after Nx, by themselves.
 *
 * @param {ChaosMachine} machine
 * @param {boolean} isEnded whether a signal has ended Nx
 */
async function checkEnd(machine, isEnded) {
  const left = await processesLeft(
    machine,
    drain + slack,
    ({ kind }) => !isEnded || kind !== 'other',
  );
  // Tasks of a killed Nx are not our processes.
  for (const { pid } of processesOf(machine)) signal(pid, 'SIGKILL');
  await processesLeft(machine, slack);
  return left.map(({ pid, command }) => `left: ${pid} ${command}`);
}

/**
 * What is true of every run: it ends in time, and prints no unneeded line.
 *
 * @param {Round} round
 * @param {Result} result
 * @param {Context} context
 */
function checkRun(round, result, { plan, expected, secrets }) {
  const wrong = [];
  const { took } = result;
  const { took: without } = expected;
  const most = allowance(round, plan) + 3 * without;
  if (took >= nxTimeout) wrong.push('Nx hangs');
  else if (took > most) {
    wrong.push(
      `took ${took | 0} ms, at most ${most | 0}; ${without | 0} ms without a cache`,
    );
  }
  const { kind, faults, damage } = round;
  const isQuiet = kind === 'calm' || kind === 'proof';
  const voice = checkLines(result, {
    secrets,
    most: isQuiet ? 0 : Math.max(1, faults.length + damage.length),
  });
  return [...wrong, ...voice];
}

/**
 * The result of a round.
 *
 * @typedef {object} Verdict
 * @property {string[]} wrong
 * @property {string[]} races of Nx itself, after which nothing more can be said
 * @property {{ hits: number, misses: number }} counts of tasks
 */

/**
 * The results of a round that has ended.
 *
 * @param {Round} round
 * @param {ChaosMachine} machine
 * @param {Result} result
 * @param {Context} context
 * @returns {Verdict}
 */
function checkRound(round, machine, result, { plan, expected, notes }) {
  const { kind, faults } = round;
  /** @type {(wrong: string[], more?: Partial<Verdict>) => Verdict} */
  const verdict = (wrong, more) => ({
    wrong,
    races: [],
    counts: { hits: 0, misses: 0 },
    ...more,
  });
  if (kind === 'together') {
    const wrong = checkTogether(result, expected);
    return verdict([...wrong, ...checkClean(machine)]);
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
  if (isRun && plan.rounds.some(({ kind }) => kind === 'together')) {
    const { ours, ofNx } = wrongEntries(machine, expected, notes);
    if (ours.length + ofNx.length > 0) return verdict(ours, { races: ofNx });
  }
  const wrong = checkResults(machine, result, expected, { isFull });
  if (!isRun) return verdict(wrong);
  const tasks = machine.lastRun();
  if (kind === 'proof') wrong.push(...checkHits(tasks, plan));
  if (kind !== 'faults') wrong.push(...checkClean(machine, round));
  return verdict(wrong, { counts: count(tasks) });
}

exports.checkEnd = checkEnd;
exports.checkRound = checkRound;
exports.checkRun = checkRun;
exports.nxTimeout = nxTimeout;
