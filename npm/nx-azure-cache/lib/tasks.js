'use strict';

// Nx gives a remote cache hashes. Which task has a hash, what it declares, and when it
// begins and ends, Nx says only to its own classes. So this listens to them.
//
// Read in the sources of Nx 20.0.6, 20.8.4, 21.6.11, 22.7.12, 23.3.2 and 24.0.6:
// `nx/src/tasks-runner/cache` resolves (by the `exports` of package.json since 22), its
// class DbCache asks us, its `init` loads us, and TaskOrchestrator.init waits for that
// before it runs a task. All tasks go through these methods of it:
//
// - `get` and, since 22, `getBatch`, before Nx asks us for a result.
// - `temporaryOutputPath`, before a task runs. 24 calls it again after some failures.
// - `copyFilesFromCache`, and for results of ours `applyRemoteCacheResults`, before a result
//   is restored to the workspace.
// - `put`, with the result of a task, before Nx stores it. Without NX_CACHE_FAILURES it
//   is called for successes only.
//
// CompositeLifeCycle in `nx/src/tasks-runner/life-cycle` is the other class: its
// `endTasks` is called for each task that has run, after `put`, whatever became of it.
// The executors that call `runTasks` of Nx's init-tasks-runner themselves have another
// life cycle until 20: their failed tasks look as if they ran until the run ends.
//
// A task has `hash` by then, `target` with what its id is made of, and `outputs`, by
// which Nx 24 decides which links of a result it takes: archive.Outputs has the rule. The
// cache of files that Nx 20 and 21 have besides asks no plugin.

const { noteBegin, noteEnd, noteRestore } = require('./pending');
const { plainOutputs } = require('./snapshot');

/**
 * @typedef {{ project: string, target: string, configuration?: string }} Task
 * @typedef {{ task?: Task, outputs?: string[] }} Known as they are in rpc/doc.go
 */

/**
 * What is known of a hash.
 *
 * @typedef {object} OwnRecord
 * @property {string[]} [declared] the outputs that Nx has been about to store, as far as
 *   they can be looked for
 * @property {string} [pending] the file in which it is noted that the task runs
 *
 * @typedef {Known & OwnRecord} Record
 */

/** Where the prototype of DbCache keeps what is known: a process may have two shims. */
const tasksSymbol = Symbol.for('nx-azure-cache.nx-tasks');

/**
 * Hashes that are remembered; the oldest are forgotten. Nx names a hash again before
 * each request, so this is only more than the tasks that it names in one step.
 */
const maxHashes = 100_000;

/** What Nx has said of its tasks. */
class NxTasks {
  /** @type {Map<string, Record>} the oldest is first */
  #records = new Map();

  /**
   * The folder of the server that has started last. Tasks are noted in it.
   *
   * @type {((cacheDirectory: string) => string) | undefined}
   */
  folderIn;

  /** How many hashes are remembered. */
  get size() {
    return this.#records.size;
  }

  /**
   * @param {string} hash
   * @returns {Known} empty where Nx has said nothing
   */
  about(hash) {
    const { task, outputs } = this.#records.get(hash) ?? {};
    return { task, outputs };
  }

  /**
   * The run is over with a task, whatever became of it. Returns the outputs that its
   * result should have, as far as they are to be looked for.
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
 * Listens to Nx from now on, and returns what it says. Throws where this Nx cannot be
 * listened to.
 *
 * A process without Nx's cache is not a run of Nx: another program has opened this one.
 * Nothing is said in it, and to load Nx's cache takes 0.2 s.
 *
 * @param {{ isNeeded: boolean }} options `isNeeded`: it is loaded all the same
 * @returns {NxTasks}
 */
function listenToNx({ isNeeded }) {
  const name = 'nx/src/tasks-runner/cache';
  if (!isNeeded && !isLoaded(name)) return new NxTasks();
  /** @type {any} */
  const prototype = require(name).DbCache?.prototype;
  for (const method of ['get', 'put']) {
    if (typeof prototype?.[method] === 'function') continue;
    throw new Error(`its DbCache has no method ${method}`);
  }
  prototype[tasksSymbol] ??= listen(prototype);
  return prototype[tasksSymbol];
}

/** @param {any} prototype of DbCache */
function listen(prototype) {
  const tasks = new NxTasks();
  runBefore(prototype, 'get', (_, [task]) => tasks.addTask(task));
  runBefore(prototype, 'getBatch', (_, [all]) => {
    for (const task of all) tasks.addTask(task);
  });
  runBefore(prototype, 'temporaryOutputPath', ({ cache }, [task]) =>
    tasks.begin(task, cache.cacheDirectory),
  );
  for (const method of ['copyFilesFromCache', 'applyRemoteCacheResults']) {
    // The first argument is a hash, or in some versions the task.
    runBefore(prototype, method, ({ cache }, [of]) =>
      tasks.restore(of?.hash ?? of, cache.cacheDirectory),
    );
  }
  runBefore(prototype, 'put', (_, [task, , outputs]) =>
    tasks.put(task, outputs),
  );
  runBefore(lifeCycle(), 'endTasks', (_, [results]) => {
    // Of those that have not failed the result has come before.
    for (const { task } of results) tasks.finish(task?.hash, true);
  });
  return tasks;
}

/** Where it is missing, a failed task looks as if it ran until the run ends. */
function lifeCycle() {
  const name = 'nx/src/tasks-runner/life-cycle';
  try {
    return isLoaded(name) && require(name).CompositeLifeCycle?.prototype;
  } catch {
    return undefined;
  }
}

/** @param {string} name of a module; throws where there is none */
function isLoaded(name) {
  return require.resolve(name) in require.cache;
}

/**
 * Lets a method, if there is one, do something else first.
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
    } catch {} // Nx goes on as without it
    return original.apply(this, args);
  };
}

/**
 * Whether an Nx refuses a result with a link that leaves the output it is in: 24 does,
 * 23.3.2 does not.
 *
 * @param {string} nxVersion
 */
function rejectsLinks(nxVersion) {
  return parseInt(nxVersion) >= 24;
}

exports.NxTasks = NxTasks;
exports.listenToNx = listenToNx;
exports.rejectsLinks = rejectsLinks;
