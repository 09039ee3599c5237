'use strict';

// What must be true after every run of Nx. Each check returns the problems that it finds, as
// strings.

const fs = require('node:fs');
const path = require('node:path');
const { bytesOnDisk } = require('./disk');
const { list } = require('./machine');

/** @import { Plan } from './plan' */
/** @import { ChaosMachine } from './machine' */
/** @import { Result } from '../kit/run' */

/** @typedef {Record<string, string>} Tree */
/** @typedef {ReturnType<ChaosMachine['lastRun']>} Tasks */

/**
 * The results of a run without a remote cache, with which other runs are compared.
 *
 * @typedef {object} Expected
 * @property {number} code
 * @property {Tree} tree of the workspace
 * @property {Tasks} tasks
 * @property {Record<string, ReturnType<ChaosMachine['result']>>} results by hash
 * @property {number} bytes size of Nx's cache on disk
 * @property {number} took duration in milliseconds
 */

/**
 * Describes the run that a machine without a remote cache has just done.
 *
 * @param {ChaosMachine} machine
 * @param {Result} result
 * @returns {Expected}
 */
function expectedOf(machine, { code, took }) {
  const tasks = machine.lastRun();
  const succeeded = Object.values(tasks).filter((task) => task.code === 0);
  return {
    code,
    tree: machine.tree(),
    tasks,
    results: Object.fromEntries(
      succeeded.map(({ hash }) => [hash, machine.result(hash)]),
    ),
    bytes: bytesOnDisk(machine.cache),
    took,
  };
}

/**
 * Compares the exit code, the outputs and each task result with those expected.
 *
 * @param {ChaosMachine} machine
 * @param {Result} result
 * @param {Expected} expected
 * @param {{ isFull: boolean }} options whether the disk of Nx's cache may be full
 * @returns {string[]}
 */
function checkResults(machine, result, expected, { isFull }) {
  const problems = [];
  const { umask } = machine;
  if (result.code !== expected.code) {
    problems.push(`exit code ${result.code}, without a cache ${expected.code}`);
  }
  problems.push(
    ...differences('workspace', machine.tree(), expected.tree, umask),
  );
  if (!machine.hasRun()) return [...problems, 'Nx has run no tasks'];
  const tasks = machine.lastRun();
  for (const [task, { code, hash }] of Object.entries(expected.tasks)) {
    const ran = tasks[task];
    if (ran?.code !== code || ran.hash !== hash) {
      problems.push(
        `${task}: ${JSON.stringify(ran)}, without a cache code ${code}, hash ${hash}`,
      );
    }
  }
  for (const { hash, cacheStatus, code } of Object.values(tasks)) {
    if (code !== 0 || cacheStatus !== 'remote-cache-hit') continue;
    const actual = machine.result(hash);
    const { text, entry = {} } = expected.results[hash];
    if (actual.text !== text && !(isFull && actual.text === undefined)) {
      problems.push(`terminal output of ${hash} differs`);
    }
    if (actual.entry || !isFull) {
      problems.push(
        ...differences(`hit ${hash}`, actual.entry ?? {}, entry, umask),
      );
    }
  }
  return problems;
}

/**
 * @param {string} what is compared
 * @param {Tree} actual
 * @param {Tree} expected
 * @param {number} [umask] of the run that restored the files
 * @returns {string[]} the first few differences
 */
function differences(what, actual, expected, umask = process.umask()) {
  const names = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...names]
    .filter(
      (name) =>
        actual[name] !== expected[name] &&
        actual[name] !== restored(expected[name], umask),
    )
    .slice(0, 5)
    .map(
      (name) => `${what}: ${name} is ${actual[name]}, not ${expected[name]}`,
    );
}

/**
 * A file or folder as a machine restores it: the umask limits what group and others may do
 * (cache/archive/doc.go).
 *
 * @param {string | undefined} entry of a tree
 * @param {number} umask
 */
function restored(entry, umask) {
  if (!entry || entry.includes(' -> ')) return entry; // a link has no mode
  const [mode, ...rest] = entry.split(' ');
  const limited = Number.parseInt(mode, 8) & ~(umask & 0o077);
  return [limited.toString(8), ...rest].join(' ');
}

/**
 * Checks our lines: they go to stderr only, no two are of one kind, none contains a secret,
 * and no more than `maxLines` report problems.
 *
 * @param {Result} result
 * @param {{ secrets: string[], maxLines: number }} options
 * @returns {string[]}
 */
function checkLines({ output, stdout }, { secrets, maxLines }) {
  const problems = [];
  if (stdout.includes('nx-azure-cache:')) problems.push('a line on stdout');
  const lines = ourLines(output);
  const kinds = lines.map(kindOf);
  for (const [i, kind] of kinds.entries()) {
    if (kinds.indexOf(kind) !== i) problems.push(`a second line: ${lines[i]}`);
  }
  const reports = lines.filter((line) => !isHarmless(line));
  if (reports.length > maxLines) {
    problems.push(
      `${reports.length} lines about ${maxLines} problems:`,
      ...reports.map((line) => `  ${line}`),
    );
  }
  for (const secret of [...secrets, 'SharedKey ', 'sig=']) {
    if (output.includes(secret)) problems.push('a secret in the output');
  }
  return problems;
}

/** @param {string} output */
function ourLines(output) {
  return output.split('\n').filter((line) => line.includes('nx-azure-cache:'));
}

/**
 * The kind of a line: the line without its URLs, names, paths and numbers.
 *
 * @param {string} line
 */
function kindOf(line) {
  return line
    .replace(/https?:\S+/g, 'URL')
    .replace(/"[^"]*"/g, '""')
    .replace(/\/\S+/g, 'PATH')
    .replace(/\d+/g, 'N');
}

/**
 * Whether a line reports no problem: the summary, the progress of a drain, or an output
 * that the plan makes impossible to store.
 *
 * @param {string} line
 */
function isHarmless(line) {
  return [
    /: \d+ hits?(?: saved [^,]+)?, /,
    /: storing \d+ results?, /,
    /has "\.\." after a name/,
  ].some((pattern) => pattern.test(line));
}

/**
 * Checks that a run has changed nothing outside its workspace.
 *
 * @param {ChaosMachine} machine
 * @param {ReturnType<ChaosMachine['surroundings']>} before
 * @returns {string[]}
 */
function checkSurroundings(machine, before) {
  const now = machine.surroundings();
  return [
    ...differences('outside', now.machine, before.machine),
    ...differences('node_modules', now.packages, before.packages),
    ...machine.temporary().map((name) => `left in TMPDIR: ${name}`),
  ];
}

/**
 * Checks that the cache has left no files of its own.
 *
 * @param {ChaosMachine} machine
 * @param {{ otherUsersFolderMayStay?: boolean }} [options]
 * @returns {string[]}
 */
function checkClean(machine, { otherUsersFolderMayStay = false } = {}) {
  if (fs.existsSync(machine.scratch)) {
    if (otherUsersFolderMayStay && !machine.ownsAnyIn(machine.scratch))
      return [];
    const left = list(machine.scratch);
    // The record of the last run stays.
    if (left.length === 1 && left[0] === 'last-run') return [];
    return [`left: ${machine.scratch}: ${left.join(', ')}`];
  }
  return list(machine.cache)
    .filter((name) => name.startsWith('.nx-azure-cache'))
    .map((name) => `left: ${path.join(machine.cache, name)}`);
}

/**
 * Checks that every result that can be stored came from the remote cache.
 *
 * @param {Tasks} tasks
 * @param {Plan} plan
 * @param {(hash: string) => boolean} [isExpected] whether a hash must be a hit
 * @returns {string[]}
 */
function checkHits(tasks, plan, isExpected = () => true) {
  return plan.projects
    .filter(({ storable }) => storable)
    .map(({ name }) => ({ name, ...tasks[`${name}:build`] }))
    .filter(
      ({ code, hash, cacheStatus }) =>
        code === 0 && isExpected(hash) && cacheStatus !== 'remote-cache-hit',
    )
    .map(
      ({ name, hash, cacheStatus }) =>
        `${name}:build ${hash} is a ${cacheStatus}`,
    );
}

/**
 * How many tasks came from the remote cache, and how many ran.
 *
 * @param {Tasks} tasks
 */
function count(tasks) {
  const statuses = Object.values(tasks).map(({ cacheStatus }) => cacheStatus);
  return {
    hits: statuses.filter((status) => status === 'remote-cache-hit').length,
    misses: statuses.filter((status) => status === 'cache-miss').length,
  };
}

exports.checkClean = checkClean;
exports.checkHits = checkHits;
exports.checkResults = checkResults;
exports.checkSurroundings = checkSurroundings;
exports.checkLines = checkLines;
exports.count = count;
exports.expectedOf = expectedOf;
exports.ourLines = ourLines;
exports.restored = restored;
