'use strict';

// Nx gives a remote cache hashes; of which task one is, it says to its own cache
// only, which asks the remote one. So that is listened to.
//
// Read in the sources of Nx 20.0.6, 20.8.4, 21.6.11, 22.7.12, 23.3.2 and 24.0.6:
// `nx/src/tasks-runner/cache` resolves (by the `exports` of package.json since 22),
// its class DbCache asks us, its `init` loads us, and TaskOrchestrator.init waits
// for that before it runs a task. All tasks go through the methods below: `get`
// and `put` are there in all of them, `getBatch` since 22. A task has `hash` by
// then, `target` with what its id is made of, and `outputs`, by which Nx 24 decides
// which links of a result it takes: archive.Outputs has the rule. The cache of files that Nx 20
// and 21 have besides asks no plugin.

/**
 * @typedef {{ project: string, target: string, configuration?: string }} Task
 * @typedef {{ task: Task, outputs?: string[] }} Known as they are in rpc/doc.go
 */

/** Where a prototype that is listened to keeps what it has heard. */
const heard = Symbol.for('nx-azure-cache.tasks');

/**
 * Listens to Nx from now on, and returns what tells of which task a hash is.
 * Throws where this Nx cannot be listened to.
 *
 * @returns {(hash: string) => Known | undefined}
 */
function learnTasks() {
  /** @type {any} */
  const prototype = require('nx/src/tasks-runner/cache').DbCache?.prototype;
  for (const method of ['get', 'put']) {
    if (typeof prototype?.[method] === 'function') continue;
    throw new Error(`its DbCache has no method ${method}`);
  }
  prototype[heard] ??= listen(prototype);
  return (hash) => prototype[heard].get(hash);
}

/** @param {any} prototype */
function listen(prototype) {
  /** @type {Map<string, Known>} */
  const tasks = new Map();
  for (const method of ['get', 'getBatch', 'put']) {
    const original = prototype[method];
    if (typeof original !== 'function') continue;
    /** @type {(this: unknown, ...args: unknown[]) => unknown} */
    prototype[method] = function (...args) {
      for (const task of [args[0]].flat()) note(tasks, task);
      return original.apply(this, args);
    };
  }
  return tasks;
}

/**
 * @param {Map<string, Known>} tasks
 * @param {any} task of Nx
 */
function note(tasks, task) {
  const { project, target, configuration } = task?.target ?? {};
  if (task?.hash && project && target) {
    tasks.set(task.hash, {
      task: { project, target, ...(configuration && { configuration }) },
      outputs: Array.isArray(task.outputs) ? task.outputs : undefined,
    });
  }
}

/**
 * Whether an Nx refuses a result with a link that leaves the output it is in: 24 does,
 * 23.3.2 does not.
 *
 * @param {string} nxVersion
 */
function refusesLinks(nxVersion) {
  return parseInt(nxVersion) >= 24;
}

exports.refusesLinks = refusesLinks;
exports.learnTasks = learnTasks;
