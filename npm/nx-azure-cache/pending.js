'use strict';

// The tasks that this run makes now, for other runs in the workspace: see
// cache/pending.go. Nx names a task to its own cache before it runs it
// (`temporaryOutputPath`) and when it has its result (`put`), which is listened to as in
// tasks.js: read in the sources of Nx 20.0.6, 22.7.12 and 24.0.6. Where that fails,
// nothing is noted, and nothing else changes.

const fs = require('node:fs');
const path = require('node:path');
const { plainOutputs } = require('./snapshot');

/** Where a prototype that is followed keeps that. */
const followed = Symbol.for('nx-azure-cache.pending');

/** @type {Map<string, { file: string, task: any }>} tasks that are noted in files, by hash */
const noted = new Map();

/**
 * Milliseconds after its end in which Nx may still hand over a task's result: some
 * versions ask the daemon first.
 */
const handOver = 10_000;

/** @type {NodeJS.Timeout | undefined} runs while tasks are noted */
let watch;

/** @type {Map<string, string[]>} outputs that tasks declare, by hash */
const declared = new Map();

/**
 * The folder of the server that has started last.
 *
 * @type {(cacheDirectory: string) => string}
 */
let folderIn;

/**
 * Follows which tasks Nx runs from now on.
 *
 * @param {typeof folderIn} newest
 */
function followTasks(newest) {
  folderIn = newest;
  const prototype = loadedCache()?.prototype;
  if (!prototype || prototype[followed]) return;
  prototype[followed] = true;
  before(prototype, 'temporaryOutputPath', (cache, [task]) => {
    if (task?.cache && !task.continuous) {
      begin(task, cache.cache.cacheDirectory);
    }
  });
  before(prototype, 'put', (_, [task, , outputs]) => {
    if (task?.hash) declared.set(task.hash, plainOutputs(outputs));
  });
}

/** Nx's DbCache, which has called us: it is not loaded only for this. */
function loadedCache() {
  try {
    const file = require.resolve('nx/src/tasks-runner/cache');
    return require.cache[file]?.exports.DbCache;
  } catch {
    return undefined;
  }
}

/**
 * Lets a method do something else first.
 *
 * @param {any} prototype
 * @param {string} method
 * @param {(object: any, args: any[]) => void} action
 */
function before(prototype, method, action) {
  const original = prototype[method];
  if (typeof original !== 'function') return;
  /** @type {(this: unknown, ...args: unknown[]) => unknown} */
  prototype[method] = function (...args) {
    try {
      action(this, args);
    } catch {} // Nx goes on as without it
    return original.apply(this, args);
  };
}

/**
 * A task begins.
 *
 * @param {any} task of Nx
 * @param {string} cacheDirectory
 */
function begin(task, cacheDirectory) {
  const file = path.join(folderIn(cacheDirectory), 'pending');
  append(file, `+${task.hash}\n`);
  noted.set(task.hash, { file, task });
  watch ??= setInterval(dropFailed, 1_000).unref();
}

/**
 * Of a task that has failed Nx says nothing to its cache. A run may go on for hours after
 * that, and must not keep others from storing what they begin later. What they have begun
 * before may have been disturbed.
 */
function dropFailed() {
  for (const [hash, { file, task }] of noted) {
    if (!(Date.now() - task.endTime > handOver)) continue;
    noted.delete(hash);
    try {
      passOn(file, hash);
      append(file, `-${hash}\n`);
    } catch {} // the folder is gone
  }
  if (noted.size > 0) return;
  clearInterval(watch);
  watch = undefined;
}

/**
 * Notes in the files of all other runs that a task has not been finished, see
 * cache/pending.go.
 *
 * @param {string} file of this run
 * @param {string} hash
 */
function passOn(file, hash) {
  const sessions = path.dirname(path.dirname(file));
  for (const session of fs.readdirSync(sessions)) {
    const other = path.join(sessions, session, 'pending');
    try {
      if (other !== file) append(other, `~${hash}\n`, { isThere: true });
    } catch {} // it has noted nothing, or is another user's
  }
}

/**
 * Nx has the result of a task. Returns the outputs that it declares, as far as they are
 * to be looked for.
 *
 * @param {string} hash
 * @param {number} code of its exit. With NX_CACHE_FAILURES=true there are results of
 *   tasks that have failed
 */
function finish(hash, code) {
  const outputs = declared.get(hash);
  declared.delete(hash);
  const file = noted.get(hash)?.file;
  noted.delete(hash);
  if (!file) return outputs;
  try {
    if (code !== 0) passOn(file, hash);
    append(file, `-${hash}\n`);
  } catch {} // the folder is gone
  return outputs;
}

/**
 * Writes at once: another run may look in the next moment. The file is not kept open,
 * which would keep Windows from removing the folder.
 *
 * @param {string} file
 * @param {string} text
 * @param {{ isThere?: boolean }} [options] `isThere`: the file is not made
 */
function append(file, text, { isThere = false } = {}) {
  const { O_APPEND, O_CREAT, O_WRONLY } = fs.constants;
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants; // not on Windows
  const make = isThere ? 0 : O_CREAT;
  const flags = O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_WRONLY | make;
  const handle = fs.openSync(file, flags, 0o600);
  try {
    fs.writeSync(handle, text);
  } finally {
    fs.closeSync(handle);
  }
}

exports.dropFailed = dropFailed;
exports.finish = finish;
exports.followTasks = followTasks;
