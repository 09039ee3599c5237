'use strict';

// Nx passes only hashes to a remote cache. Which task has a hash, which outputs it declares,
// and when it begins and ends is known only to Nx's own classes, so this module hooks into
// their methods.
//
// The following holds in the sources of Nx 20.0.6, 20.8.4, 21.6.11, 22.7.12, 23.3.2 and
// 24.0.6. The module `nx/src/tasks-runner/cache` can be resolved (since 22 through the
// `exports` of package.json). Its class DbCache calls the remote cache and loads it in
// `init`, and TaskOrchestrator.init waits for that before it runs a task. All tasks go
// through these methods of DbCache:
//
// - `get` and, since 22, `getBatch`, before Nx looks up a result in the remote cache. Their
//   results say where it was found (`remote`), and since 22 also its `size`.
// - `temporaryOutputPath`, before a task runs. Nx 24 calls it again after some failures.
// - `copyFilesFromCache`, and for remote results `applyRemoteCacheResults`, before Nx
//   restores a result to the workspace.
// - `put`, with a task's result, before Nx stores it. Without NX_CACHE_FAILURES, Nx calls it
//   for successes only.
//
// The other class is CompositeLifeCycle in `nx/src/tasks-runner/life-cycle`. Nx calls its
// `endTasks` for each task that has run, after `put`, for successes and failures. Up to
// Nx 20, executors that call `runTasks` of Nx's init-tasks-runner use another life cycle, so
// their failed tasks seem to run until the run ends.
//
// At that point a task has its `hash`, its `target`, and its `outputs`, by which Nx 24
// decides which links in a result it accepts: archive.Outputs has the rule. The file cache
// of Nx 20 and 21 calls no remote cache.

const { version } = require('../package.json');
const { noteBegin, noteEnd, noteRestore } = require('./pending');
const { plainOutputs } = require('./snapshot');

/** @import { RunRecord } from './run-record' */

/**
 * @typedef {{ project: string, target: string, configuration?: string }} Task
 * @typedef {{ task?: Task, outputs?: string[] }} Known as in rpc/doc.go
 */

/**
 * What is known about a hash.
 *
 * @typedef {object} OwnRecord
 * @property {string[]} [declared] the outputs that Nx is about to store, if they can
 *   be looked for
 * @property {string} [pending] the file that lists the task as running
 *
 * @typedef {Known & OwnRecord} Record
 */

/**
 * The result of a successful task that Nx has found in its local cache.
 *
 * @typedef {object} NxLocalHit
 * @property {string} hash
 * @property {string} cacheDirectory
 * @property {number} [size] in bytes: of the outputs, and of the terminal output unless the
 *   result came from a remote cache
 */

/**
 * The property of DbCache.prototype that holds the NxTasks: a process may have two shims. One
 * of another version has an NxTasks of its own, because its methods may differ.
 */
const tasksSymbol = Symbol.for(`nx-azure-cache.nx-tasks ${version}`);

/**
 * The most hashes to remember; beyond it, the oldest are forgotten. Nx names a hash again
 * before each request, so this needs to exceed only the tasks of one scheduling step.
 */
const maxHashes = 100_000;

/** The most records whose tasks may still end. */
const maxRecords = 20;

/** The tasks that Nx has named. */
class NxTasks {
  /** @type {Map<string, Record>} by hash, oldest first */
  #records = new Map();

  /**
   * The folder of the server that started last. Running tasks are listed there.
   *
   * @type {((cacheDirectory: string) => string) | undefined}
   */
  folderIn;

  /**
   * What the cache that was opened last does with local hits.
   *
   * @type {((hit: NxLocalHit) => void) | undefined}
   */
  onLocalHit;

  /**
   * The records of the runs of each cache that was opened. A process may run tasks with
   * several caches, and without one.
   *
   * @type {WeakMap<object, RunRecord>}
   */
  #runs = new WeakMap();
  /** @type {RunRecord[]} the one that was opened last is first */
  #opened = [];
  /** @type {RunRecord | undefined} of the cache that Nx used last */
  #current;

  /** The number of hashes that are remembered. */
  get size() {
    return this.#records.size;
  }

  /**
   * @param {string} hash
   * @returns {Known} empty if Nx has not named the task
   */
  about(hash) {
    const { task, outputs } = this.#records.get(hash) ?? {};
    return { task, outputs };
  }

  /**
   * A task has ended, successfully or not. Returns the outputs that its result should have,
   * if they can be looked for.
   *
   * @param {string} hash
   * @param {boolean} hasFailed
   */
  finish(hash, hasFailed) {
    const record = this.#records.get(hash);
    if (!record) return undefined;
    const { declared, pending } = record;
    delete record.declared;
    delete record.pending;
    if (pending) noteEnd(pending, hash, hasFailed);
    return declared;
  }

  /**
   * From now on, the tasks of a cache belong to this record.
   *
   * @param {object} remoteCache that Nx gets
   * @param {RunRecord | undefined} record
   */
  record(remoteCache, record) {
    this.#current = record;
    if (!record) return;
    this.#runs.set(remoteCache, record);
    const others = this.#opened.filter((other) => other !== record);
    this.#opened = [record, ...others].slice(0, maxRecords);
  }

  /** @param {any} dbCache of Nx */
  recordOf({ remoteCache, cache }) {
    this.#current = remoteCache ? this.#runs.get(remoteCache) : undefined;
    if (this.#current) this.#current.cacheDirectory = cache.cacheDirectory;
    return this.#current;
  }

  /**
   * @param {any} task of Nx
   * @param {unknown} status
   */
  recordEnd(task, status) {
    // Nx does not tell which cache the task has.
    const known = this.#opened.find((record) => record.has(task));
    (known ?? this.#current)?.end(task, status);
  }

  /** @param {any} task of Nx */
  addTask(task) {
    const { project, target, configuration } = task?.target ?? {};
    if (!task?.hash || !project || !target) return;
    const record = this.#record(task.hash);
    record.task = { project, target, ...(configuration && { configuration }) };
    record.outputs = Array.isArray(task.outputs) ? task.outputs : undefined;
  }

  /**
   * @param {any} task of Nx
   * @param {string} cacheDirectory
   */
  begin(task, cacheDirectory) {
    if (!task?.hash || !task.cache || task.continuous || !this.folderIn) return;
    const record = this.#record(task.hash);
    record.pending ??= noteBegin(this.folderIn(cacheDirectory), task.hash);
  }

  /**
   * @param {string} hash
   * @param {string} cacheDirectory
   */
  restore(hash, cacheDirectory) {
    if (this.folderIn) noteRestore(this.folderIn(cacheDirectory), hash);
  }

  /**
   * @param {any} task of Nx
   * @param {unknown} outputs
   */
  put(task, outputs) {
    this.addTask(task);
    if (task?.hash) this.#record(task.hash).declared = plainOutputs(outputs);
  }

  /**
   * @param {any} task of Nx
   * @param {any} result that Nx has found
   * @param {string} cacheDirectory
   */
  found(task, result, cacheDirectory) {
    if (!task?.hash || result?.remote !== false || result.code !== 0) return;
    const { size } = result;
    const isSize = Number.isSafeInteger(size) && size > 0;
    const hit = { hash: task.hash, cacheDirectory, ...(isSize && { size }) };
    this.onLocalHit?.(hit);
  }

  /** @param {string} hash */
  #record(hash) {
    const record = this.#records.get(hash) ?? {};
    this.#records.delete(hash);
    this.#records.set(hash, record);
    if (this.#records.size > maxHashes) {
      const [oldest] = this.#records.keys();
      this.#records.delete(oldest);
    }
    return record;
  }
}

/**
 * Observes Nx's tasks from now on. Throws if this version of Nx cannot be observed.
 *
 * A process that has not loaded Nx's cache is not a run of Nx: another program uses this
 * package. No tasks run in it, and loading Nx's cache would take 0.2 s.
 *
 * @param {{ isNeeded: boolean }} options `isNeeded`: load Nx's cache in any case
 * @returns {NxTasks}
 */
function observeNx({ isNeeded }) {
  const name = 'nx/src/tasks-runner/cache';
  if (!isNeeded && !isLoaded(name)) return new NxTasks();
  /** @type {any} */
  const prototype = require(name).DbCache?.prototype;
  for (const method of ['get', 'put']) {
    if (typeof prototype?.[method] === 'function') continue;
    throw new Error(`its DbCache has no method ${method}`);
  }
  prototype[tasksSymbol] ??= observe(prototype);
  return prototype[tasksSymbol];
}

/** @param {any} prototype of DbCache */
function observe(prototype) {
  const tasks = new NxTasks();
  // Without a remote cache, Nx may run tasks next, too.
  runAfter(prototype, 'init', (dbCache) => tasks.recordOf(dbCache));
  runBefore(prototype, 'get', (dbCache, [task]) => {
    tasks.addTask(task);
    tasks.recordOf(dbCache)?.lookUp(task);
  });
  runBefore(prototype, 'getBatch', (dbCache, [all]) => {
    for (const task of all) tasks.addTask(task);
    const record = tasks.recordOf(dbCache);
    for (const task of all) record?.lookUp(task);
  });
  runAfter(prototype, 'get', (dbCache, [task], result) => {
    tasks.found(task, result, dbCache.cache.cacheDirectory);
    tasks.recordOf(dbCache)?.lookedUp(task, result);
  });
  runAfter(prototype, 'getBatch', (dbCache, [all], results) => {
    const record = tasks.recordOf(dbCache);
    for (const task of all) {
      const result = results.get(task?.hash);
      tasks.found(task, result, dbCache.cache.cacheDirectory);
      record?.lookedUp(task, result);
    }
  });
  runBefore(prototype, 'temporaryOutputPath', (dbCache, [task]) => {
    tasks.begin(task, dbCache.cache.cacheDirectory);
    tasks.recordOf(dbCache)?.begin(task);
  });
  for (const method of ['copyFilesFromCache', 'applyRemoteCacheResults']) {
    // The first argument is the hash, or in some versions the task.
    runBefore(prototype, method, ({ cache }, [of]) =>
      tasks.restore(of?.hash ?? of, cache.cacheDirectory),
    );
  }
  runBefore(prototype, 'put', (dbCache, [task, , outputs, code]) => {
    tasks.put(task, outputs);
    tasks.recordOf(dbCache)?.put(task, code);
  });
  runBefore(lifeCycle(), 'endTasks', (_, [results]) => {
    // Successful tasks have already ended with `put`.
    for (const { task } of results) tasks.finish(task?.hash, true);
    for (const { task, status } of results) tasks.recordEnd(task, status);
  });
  return tasks;
}

/** Without it, a failed task seems to run until the run ends. */
function lifeCycle() {
  const name = 'nx/src/tasks-runner/life-cycle';
  try {
    return isLoaded(name) && require(name).CompositeLifeCycle?.prototype;
  } catch {
    return undefined;
  }
}

/** @param {string} name of a module; throws if there is none */
function isLoaded(name) {
  return require.resolve(name) in require.cache;
}

/**
 * Makes a method, if it exists, run an action first.
 *
 * @param {any} prototype
 * @param {string} method
 * @param {(object: any, args: any[]) => void} action
 */
function runBefore(prototype, method, action) {
  const original = prototype?.[method];
  if (typeof original !== 'function') return;
  /** @type {(this: unknown, ...args: unknown[]) => unknown} */
  prototype[method] = function (...args) {
    try {
      action(this, args);
    } catch {} // Nx continues as without this package
    return original.apply(this, args);
  };
}

/**
 * Makes an asynchronous method, if it exists, run an action on its result. The caller does
 * not wait for the action.
 *
 * @param {any} prototype
 * @param {string} method
 * @param {(object: any, args: any[], result: any) => void} action
 */
function runAfter(prototype, method, action) {
  const original = prototype?.[method];
  if (typeof original !== 'function') return;
  /** @type {(this: unknown, ...args: unknown[]) => unknown} */
  prototype[method] = function (...args) {
    const response = original.apply(this, args);
    Promise.resolve(response)
      .then((result) => action(this, args, result))
      .catch(() => {}); // Nx handles its own errors, and continues after ours
    return response;
  };
}

/**
 * Whether a version of Nx rejects results with a link that leaves its output. 24 does,
 * 23.3.2 does not.
 *
 * @param {string} nxVersion
 */
function rejectsLinks(nxVersion) {
  return parseInt(nxVersion) >= 24;
}

exports.NxTasks = NxTasks;
exports.observeNx = observeNx;
exports.rejectsLinks = rejectsLinks;
