'use strict';

// Checks concurrent runs of Nx in one workspace. Nx does not support them: without any remote
// cache, 7 of 32 such runs ended with exit code 1, and results in its cache were incomplete.
// So these checks cover only the results that another machine gets.

const { restored } = require('./check');

/** @import { Expected } from './check' */
/** @import { StoreCall } from './store-calls' */
/** @import { ChaosMachine } from './machine' */
/** @import { Result } from '../kit/run' */

/** The errors of Nx and its tasks when another run replaces their files. */
const nxRace = /ENOENT|ENOTEMPTY|EEXIST|Io error|No such file|os error \d+/;

/**
 * Checks that the exit code is the same as without a cache, or that Nx failed in a race of its
 * own.
 *
 * @param {Result} result
 * @param {Expected} expected
 */
function checkConcurrentRun({ code, output }, expected) {
  if (code === expected.code || (code === 1 && nxRace.test(output))) return [];
  return [`exit code ${code} in concurrent runs, ${expected.code} in one run`];
}

/**
 * Finds the hits of a fresh machine that differ from the output of their task. Each is
 * attributed to us or to a race of Nx.
 *
 * @param {ChaosMachine} machine
 * @param {Expected} expected
 * @param {StoreCall[]} storeCalls of the concurrent runs
 * @returns {{ ours: string[], ofNx: string[] }}
 */
function wrongEntries(machine, { results }, storeCalls) {
  /** @type {{ ours: string[], ofNx: string[] }} */
  const found = { ours: [], ofNx: [] };
  const tasks = Object.values(machine.lastRun());
  for (const { hash, code, cacheStatus } of tasks) {
    if (code !== 0 || cacheStatus !== 'remote-cache-hit') continue;
    const correct = results[hash].entry ?? {};
    const { entry = {}, text } = machine.result(hash);
    const isTextCorrect = text === results[hash].text;
    if (isTextCorrect && isSame(entry, correct, machine.umask)) continue;
    const calls = storeCalls.filter((call) => call.hash === hash);
    const complete = calls.filter((call) => isComplete(call, correct)).length;
    const count = `${Object.keys(entry).length} of ${Object.keys(correct).length} files and folders`;
    const what = `remote entry ${hash} has ${count}; ${complete} of ${calls.length} calls of store were complete`;
    // An empty entry is visibly incomplete, so we should not have stored it.
    const isOurs =
      calls.length === 0 ||
      complete === calls.length ||
      Object.keys(entry).length === 0 ||
      !isTextCorrect;
    (isOurs ? found.ours : found.ofNx).push(what);
  }
  return found;
}

/**
 * Whether an entry was restored correctly by a machine with this umask.
 *
 * @param {Record<string, string>} entry
 * @param {Record<string, string>} correct
 * @param {number} umask
 */
function isSame(entry, correct, umask) {
  return (
    Object.keys(entry).length === Object.keys(correct).length &&
    Object.entries(correct).every(
      ([name, facts]) =>
        entry[name] === facts || entry[name] === restored(facts, umask),
    )
  );
}

/**
 * Whether a result was complete in Nx's cache directory before and after a call of `store`.
 *
 * @param {StoreCall} call
 * @param {Record<string, string>} correct
 */
function isComplete({ before, after }, correct) {
  const wanted = Object.entries(correct).map(([name, facts]) => [
    name,
    shortened(facts),
  ]);
  return [before, after].every(
    (seen) =>
      Object.keys(seen).length === wanted.length &&
      wanted.every(([name, facts]) => seen[name] === facts),
  );
}

/**
 * Shortens the facts of a tree to those in a StoreCall: mode, and size of a file.
 *
 * @param {string} facts
 */
function shortened(facts) {
  const [mode, size] = facts.split(' ');
  return facts.includes(' -> ') || size === undefined
    ? mode
    : `${mode} ${size}`;
}

exports.checkConcurrentRun = checkConcurrentRun;
exports.wrongEntries = wrongEntries;
