'use strict';

// Checks what must be true after every run of Nx. Each check returns the problems that it
// found, in words.

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
 * What a run without a cache did.
 *
 * @typedef {object} Expected
 * @property {number} code
 * @property {Tree} tree of the workspace
 * @property {Tasks} tasks
 * @property {Record<string, ReturnType<ChaosMachine['result']>>} results by hash
 * @property {number} bytes that Nx's cache takes
 * @property {number} took milliseconds
 */

/**
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
 * The exit code, the outputs and every single result.
 *
 * @param {ChaosMachine} machine
 * @param {Result} result
 * @param {Expected} expected
 * @param {{ isFull: boolean }} options whether the disk of Nx's cache may be full
 * @returns {string[]}
 */
function checkResults(machine, result, expected, { isFull }) {
  const wrong = [];
  const { umask } = machine;
  if (result.code !== expected.code) {
    wrong.push(`exit code ${result.code}, without a cache ${expected.code}`);
  }
  wrong.push(...differences('workspace', machine.tree(), expected.tree, umask));
  if (!machine.hasRun()) return [...wrong, 'Nx has run no tasks'];
  const tasks = machine.lastRun();
  for (const [task, { code, hash }] of Object.entries(expected.tasks)) {
    const ran = tasks[task];
    if (ran?.code !== code || ran.hash !== hash) {
      wrong.push(
        `${task}: ${JSON.stringify(ran)}, without a cache code ${code}, hash ${hash}`,
      );
    }
  }
  for (const { hash, cacheStatus, code } of Object.values(tasks)) {
    if (code !== 0 || cacheStatus !== 'remote-cache-hit') continue;
    const is = machine.result(hash);
    const { text, entry = {} } = expected.results[hash];
    if (is.text !== text && !(isFull && is.text === undefined)) {
      wrong.push(`terminal output of ${hash} differs`);
    }
    if (is.entry || !isFull) {
      wrong.push(...differences(`hit ${hash}`, is.entry ?? {}, entry, umask));
    }
  }
  return wrong;
}

/**
 * @param {string} what
 * @param {Tree} is
 * @param {Tree} expected
 * @param {number} [umask] that limits what is restored
 * @returns {string[]} the first few
 */
function differences(what, is, expected, umask = process.umask()) {
  const names = new Set([...Object.keys(is), ...Object.keys(expected)]);
  return [...names]
    .filter(
      (name) =>
        is[name] !== expected[name] &&
        is[name] !== restored(expected[name], umask),
    )
    .slice(0, 5)
    .map((name) => `${what}: ${name} is ${is[name]}, not ${expected[name]}`);
}

/**
 * An entry as a machine restores it: its umask limits what group and others may do
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
 * Our lines: only on stderr, one of each kind, without a secret, and no more of them than
 * there were problems.
 *
 * @param {Result} result
 * @param {{ secrets: string[], most: number }} options `most` lines may report
 *   problems
 * @returns {string[]}
 */
function checkLines({ output, stdout }, { secrets, most }) {
  const wrong = [];
  if (stdout.includes('nx-azure-cache:')) wrong.push('a line on stdout');
  const lines = ourLines(output);
  const kinds = lines.map(kindOf);
  for (const [i, kind] of kinds.entries()) {
    if (kinds.indexOf(kind) !== i) wrong.push(`a second line: ${lines[i]}`);
  }
  const said = lines.filter((line) => !isHarmless(line));
  if (said.length > most) {
    wrong.push(
      `${said.length} lines about ${most} problems:`,
      ...said.map((line) => `  ${line}`),
    );
  }
  for (const secret of [...secrets, 'SharedKey ', 'sig=']) {
    if (output.includes(secret)) wrong.push('a secret in the output');
  }
  return wrong;
}

/** @param {string} output */
function ourLines(output) {
  return output.split('\n').filter((line) => line.includes('nx-azure-cache:'));
}

/**
 * What a line is about: the line without what differs from case to case.
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
 * The summary, the progress of a drain, and what the plan does on purpose in
 * some projects.
 *
 * @param {string} line
 */
function isHarmless(line) {
  return [
    /: \d+ hits?, /,
    /: storing \d+ results?, /,
    /has "\.\." after a name/,
  ].some((pattern) => pattern.test(line));
}

/**
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
 * An undisturbed run leaves nothing of ours behind.
 *
 * @param {ChaosMachine} machine
 * @param {{ othersMayStay?: boolean }} [options]
 * @returns {string[]}
 */
function checkClean(machine, { othersMayStay = false } = {}) {
  if (fs.existsSync(machine.aside)) {
    if (othersMayStay && !machine.ownsIn(machine.aside)) return [];
    return [`left: ${machine.aside}: ${list(machine.aside).join(', ')}`];
  }
  return list(machine.cache)
    .filter((name) => name.startsWith('.nx-azure-cache'))
    .map((name) => `left: ${path.join(machine.cache, name)}`);
}

/**
 * Everything that can be stored came from the cache.
 *
 * @param {Tasks} tasks
 * @param {Plan} plan
 * @param {(hash: string) => boolean} [isMeant]
 * @returns {string[]}
 */
function checkHits(tasks, plan, isMeant = () => true) {
  return plan.projects
    .filter(({ storable }) => storable)
    .map(({ name }) => ({ name, ...tasks[`${name}:build`] }))
    .filter(
      ({ code, hash, cacheStatus }) =>
        code === 0 && isMeant(hash) && cacheStatus !== 'remote-cache-hit',
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
