'use strict';

// What a run of Nx did with its tasks, for the server's run record: cache/runs.
//
// What Nx tells, by its sources (20.0.6, 20.8.4, 21.6.11, 22.7.12, 23.3.2, 24.0.6):
//
// - `hashDetails` of a task has the inputs of its hash: `nodes`, by name, and `command`, a hash
//   of the task's name and arguments. `implicitDeps` and `runtime` are empty, except from a
//   custom hasher, which may omit anything. Nx 23 and 24 clear it, with `hash`, before they
//   hash a task of a batch again.
// - `startTime` is when a task was started. Up to Nx 22, this is before Nx looks up its result.
//   Nx 20.0 has it for tasks that it caches only.
// - `endTime` is when it ended. In Nx 20.0, only tasks with a cached result have one, so the
//   end is here when Nx reports it. A task of a batch has the times of its executor, or none.
// - `endTasks` gets a status for each task that ran or had a result. It gets no task that was
//   skipped, and none that runs when the process ends.

const { InputTable, JsonElements } = require('./record-parts');

/**
 * What Nx tells about a task.
 *
 * @typedef {object} NxTask
 * @property {string} id
 * @property {string} hash
 * @property {{ project: string, target: string, configuration?: string }} [target]
 * @property {boolean} [cache]
 * @property {boolean} [continuous]
 * @property {number} [startTime] milliseconds since 1970
 * @property {number} [endTime]
 * @property {any} [hashDetails]
 */

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} hash
 * @property {NxTask['target']} [target] if the server needs it
 * @property {string} [status] as Nx reports it; undefined until then
 * @property {boolean} isCached whether Nx caches the task's result
 * @property {boolean} [isRunning] whether the task was started
 * @property {number} [lookedUp] when Nx found none, in milliseconds since 1970
 * @property {number} [started]
 * @property {number} [ended]
 * @property {any} [details] the task's `hashDetails`
 */

/** The most tasks of a run. Beyond it, they are counted only. */
const maxTasks = 20_000;

/** The most inputs of all tasks. Beyond it, tasks have none. */
const maxInputs = 1_000_000;

/** The statuses of tasks whose result Nx has not made. */
const cached = ['local-cache', 'local-cache-kept-existing', 'remote-cache'];

/**
 * The tasks of a run, and their inputs. All methods are called while Nx runs tasks, and do
 * little. What they collect becomes JSON piece by piece, so that little is left to do when the
 * process exits.
 */
class RunRecord {
  /** The cache directory that Nx named last. */
  cacheDirectory = '';
  #started;
  /** @type {Map<string, Entry>} by id and hash */
  #entries = new Map();
  /** @type {Set<Entry>} those whose end Nx has not reported */
  #open = new Set();
  /** @type {Set<string>} the ids of the others */
  #ended = new Set();
  /** The others, as JSON without the brackets. */
  #tasks = new JsonElements();
  /** @type {Map<string, number>} milliseconds that a task ran, by hash, until it is stored */
  #took = new Map();
  #table = new InputTable();
  #omitted = 0;
  #maxTasks;
  #maxInputs;
  #withTargets;

  /**
   * @param {{ started?: number, withTargets?: boolean, maxTasks?: number, maxInputs?: number }} [options]
   *   `started`: when the run began, in milliseconds since 1970; `withTargets`: whether the
   *   server needs them, because the settings exclude some tasks
   */
  constructor(options = {}) {
    this.#started = options.started ?? Date.now();
    this.#maxTasks = options.maxTasks ?? maxTasks;
    this.#maxInputs = options.maxInputs ?? maxInputs;
    this.#withTargets = options.withTargets === true;
  }

  /** The number of tasks. */
  get size() {
    return this.#entries.size;
  }

  /** @param {NxTask} task */
  has(task) {
    return this.#entries.has(keyOf(task));
  }

  /**
   * Nx looks up the result of a task.
   *
   * @param {NxTask} task
   */
  lookUp(task) {
    const entry = this.#entry(task);
    if (!entry) return;
    entry.isCached = true;
    entry.details ??= task.hashDetails;
  }

  /**
   * Nx has looked up the result of a task.
   *
   * @param {NxTask} task
   * @param {{ remote?: unknown, code?: unknown } | null | undefined} result
   */
  lookedUp(task, result) {
    const entry = this.#entry(task);
    if (!entry) return;
    if (!result) {
      entry.lookedUp = Date.now();
      return;
    }
    if (result.code !== 0) return; // most versions run the task again
    // It stays if `endTasks` is not called for the task.
    entry.status ??= result.remote ? 'remote-cache' : 'local-cache';
  }

  /**
   * A task starts to run.
   *
   * @param {NxTask} task
   */
  begin(task) {
    const entry = this.#entry(task);
    if (!entry) return;
    entry.isRunning = true;
    entry.details ??= task.hashDetails;
  }

  /**
   * Nx stores the result of a task.
   *
   * @param {NxTask} task
   * @param {unknown} code
   */
  put(task, code) {
    const entry = this.#entry(task);
    if (!entry) return;
    entry.isCached = true;
    noteTimes(entry, task);
    const { started, ended } = entry;
    if (started !== undefined && ended !== undefined) {
      this.#took.set(task.hash, ended - started);
    }
    entry.status = code === 0 ? 'success' : 'failure';
  }

  /**
   * A task has ended.
   *
   * @param {NxTask} task
   * @param {unknown} status
   */
  end(task, status) {
    const entry = this.#entry(task);
    if (!entry && isTask(task)) this.#omitted++;
    // Only the first end counts: a second run in this process finds what the first made.
    if (!entry || !this.#open.has(entry) || typeof status !== 'string') return;
    const isCached = cached.includes(status);
    if (!isCached) noteTimes(entry, task);
    // So, too, if Nx has not reported the end of the first.
    if (!isCached || entry.status !== 'success') {
      entry.status = status.slice(0, 40);
    }
    entry.details ??= task.hashDetails;
    this.#add(entry);
    entry.details = undefined;
    this.#open.delete(entry);
    this.#ended.add(entry.id);
  }

  /**
   * Milliseconds that a task ran whose result Nx stores. Only the first call for a result has
   * them.
   *
   * @param {string} hash
   */
  takeTook(hash) {
    const took = this.#took.get(hash);
    this.#took.delete(hash);
    return took;
  }

  /**
   * The hand-over in rpc/doc.go: JSON.
   *
   * @param {number} waited milliseconds for which Nx waited for the cache
   */
  handOver(waited) {
    const numbers = {
      ...{ started: this.#started, ended: Date.now() },
      waited: Math.round(waited),
      ...(this.#omitted > 0 && { omitted: this.#omitted }),
    };
    for (const entry of this.#open) {
      // Nx may hash a task again, and report its end under the new hash only.
      if (entry.status || !this.#ended.has(entry.id)) this.#add(entry);
    }
    return Buffer.concat([
      Buffer.from(JSON.stringify(numbers).replace('}', ',"names":[')),
      ...this.#table.names.bytes(),
      Buffer.from('],"inputs":['),
      ...this.#table.inputs.bytes(),
      Buffer.from('],"tasks":['),
      ...this.#tasks.bytes(),
      Buffer.from(']}'),
    ]);
  }

  /**
   * Adds a task to the text.
   *
   * @param {Entry} entry
   */
  #add(entry) {
    const { id, hash, isCached, isRunning, started, ended, details } = entry;
    // Nx does not report the end of a task that is skipped, nor of one that runs when the
    // process ends.
    const status = entry.status ?? (isRunning ? 'stopped' : 'skipped');
    const times = started !== undefined && { started, ended };
    const text = JSON.stringify({
      id,
      hash,
      status,
      cache: isCached,
      ...times,
      task: entry.target,
    });
    const indices = details ? this.#table.add(details, this.#maxInputs) : [];
    const inputs = indices.length > 0 ? `,"inputs":[${indices}]` : '';
    this.#tasks.add(`${text.slice(0, -1)}${inputs}}`);
  }

  /**
   * @param {NxTask} task
   * @returns {Entry | undefined} undefined for what is no task, and beyond the limit
   */
  #entry(task) {
    if (!isTask(task)) return;
    const { id, hash } = task;
    const key = keyOf(task);
    const known = this.#entries.get(key);
    if (known) return known;
    if (this.#entries.size >= this.#maxTasks) return;
    const isCached = task.cache === true && !task.continuous;
    const { project, target, configuration } = task.target ?? {};
    const isNamed = this.#withTargets && project && target;
    const entry = {
      ...{ id, hash, isCached },
      ...(isNamed && { target: { project, target, configuration } }),
    };
    this.#entries.set(key, entry);
    this.#open.add(entry);
    return entry;
  }
}

/**
 * Whether a task has what each recorded one has.
 *
 * @param {NxTask} task
 */
function isTask({ id, hash }) {
  return typeof id === 'string' && typeof hash === 'string' && hash !== '';
}

/** @param {NxTask} task */
function keyOf({ id, hash }) {
  return `${hash} ${id}`;
}

/**
 * Notes when a task ran, if Nx tells it. The first report counts: `put` comes before
 * `endTasks`, and Nx waits for the remote cache in between.
 *
 * @param {Entry} entry
 * @param {NxTask} task
 */
function noteTimes(entry, { startTime, endTime }) {
  if (entry.ended !== undefined || !isTime(startTime)) return;
  const { lookedUp = 0 } = entry;
  const ended = isTime(endTime) ? endTime : Date.now();
  const started = lookedUp <= ended ? Math.max(startTime, lookedUp) : startTime;
  if (started <= ended) Object.assign(entry, { started, ended });
}

/**
 * @param {unknown} time
 * @returns {time is number}
 */
function isTime(time) {
  return Number.isSafeInteger(time) && Number(time) > 0;
}

exports.RunRecord = RunRecord;
