'use strict';

// Several runs of Nx at once in one workspace. Nx does not support that: without any remote
// cache, 7 of 32 such runs ended with exit code 1, and results in its cache were incomplete.
// So this checks only what another machine gets.

const { restored } = require('./check');

/** @import { Expected } from './check' */
/** @import { Note } from './store-calls' */
/** @import { ChaosMachine } from './machine' */
/** @import { Result } from '../kit/run' */

/** How Nx and its tasks fail where another run replaces files under them. */
const ownRace = /ENOENT|ENOTEMPTY|EEXIST|Io error|No such file|os error \d+/;

/**
 * The exit code is the one without a cache, or that of a race without one.
 *
 * @param {Result} result
 * @param {Expected} expected
 */
function checkTogether({ code, output }, expected) {
  if (code === expected.code || (code === 1 && ownRace.test(output))) return [];
  return [`exit code ${code} among other runs, alone ${expected.code}`];
}

/**
 * The hits of a fresh machine that are not what the task has built, and why: each is
 * a failure of ours, or of Nx.
 *
 * @param {ChaosMachine} machine
 * @param {Expected} expected
 * @param {Note[]} notes of the runs that have stored
 * @returns {{ ours: string[], ofNx: string[] }}
 */
function wrongEntries(machine, { results }, notes) {
  /** @type {{ ours: string[], ofNx: string[] }} */
  const found = { ours: [], ofNx: [] };
  const tasks = Object.values(machine.lastRun());
  for (const { hash, code, cacheStatus } of tasks) {
    if (code !== 0 || cacheStatus !== 'remote-cache-hit') continue;
    const right = results[hash].entry ?? {};
    const { entry = {}, text } = machine.result(hash);
    const isText = text === results[hash].text;
    if (isText && isSame(entry, right, machine.umask)) continue;
    const calls = notes.filter((note) => note.hash === hash);
    const complete = calls.filter((note) => isComplete(note, right)).length;
    const count = `${Object.keys(entry).length} of ${Object.keys(right).length} files and folders`;
    const what = `remote entry ${hash} has ${count}; ${complete} of ${calls.length} calls of store were complete`;
    // An empty folder shows what is wrong with it.
    const isOurs =
      calls.length === 0 ||
      complete === calls.length ||
      Object.keys(entry).length === 0 ||
      !isText;
    (isOurs ? found.ours : found.ofNx).push(what);
  }
  return found;
}

/**
 * @param {Record<string, string>} entry
 * @param {Record<string, string>} right
 * @param {number} umask
 */
function isSame(entry, right, umask) {
  return (
    Object.keys(entry).length === Object.keys(right).length &&
    Object.entries(right).every(
      ([name, facts]) =>
        entry[name] === facts || entry[name] === restored(facts, umask),
    )
  );
}

/**
 * @param {Note} note
 * @param {Record<string, string>} right
 */
function isComplete({ before, after }, right) {
  const wanted = Object.entries(right).map(([name, facts]) => [
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
 * The facts of a tree as the witness notes them: mode, and size of a file.
 *
 * @param {string} facts
 */
function shortened(facts) {
  const [mode, size] = facts.split(' ');
  return facts.includes(' -> ') || size === undefined
    ? mode
    : `${mode} ${size}`;
}

exports.checkTogether = checkTogether;
exports.wrongEntries = wrongEntries;
