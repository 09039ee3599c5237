'use strict';

const { spawnSync } = require('node:child_process');
const { isSilent } = require('./notices');

/**
 * What a cache process did: Summary in cache/summary.go.
 *
 * @typedef {object} Summary
 * @property {number} hits
 * @property {number} misses
 * @property {number} damaged
 * @property {number} stored
 * @property {number} existing
 * @property {number} skipped
 * @property {number} evicted
 * @property {number} failed
 * @property {number} bytesRead
 * @property {number} bytesWritten
 * @property {number} [saved] milliseconds for which the tasks of the hits ran when their
 *   results were stored, as far as that is known
 */

/** @typedef {import('./client').StoredParams} StoredParams */

/**
 * The output of `nx-azure-cache drain`: Result in cmd/nx-azure-cache/internal/drain.
 *
 * @typedef {object} DrainResult
 * @property {'stored' | 'gone' | 'limit' | 'silent' | 'interrupted' | 'unknown'} ended
 * @property {string} [reason] why the end is unknown
 * @property {number} [processId] the cache process's ID
 * @property {boolean} [isLeft] whether it still runs although it was killed
 * @property {number} waiting the number of results that are not stored
 * @property {Summary} summary
 * @property {StoredParams[] | null} problems
 * @property {string} [recordProblem] why the record of the run is not stored
 */

/**
 * The summary of a process that got no requests.
 *
 * @type {Summary}
 */
const emptySummary = {
  hits: 0,
  misses: 0,
  damaged: 0,
  stored: 0,
  existing: 0,
  skipped: 0,
  evicted: 0,
  failed: 0,
  bytesRead: 0,
  bytesWritten: 0,
};

/** Milliseconds beyond the limit for killing a server. */
const grace = 10_000;

/** The most milliseconds that a timer is late unless this process was suspended. */
const late = 2_000;

/**
 * @typedef {object} DrainOptions
 * @property {string} folder the server's folder
 * @property {number} limit milliseconds to wait
 * @property {number} silence milliseconds for which the server may show no sign of life
 */

/**
 * Waits, without the event loop, until a cache process has stored its accepted results.
 * Throws if the wait itself fails.
 *
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env its whole environment
 * @param {DrainOptions} options
 * @returns {DrainResult}
 */
function drain(binary, env, options) {
  let ended = runDrain(binary, env, options);
  // The machine, and with it both processes, was suspended: that time does not count.
  if (ended.wasStopped) ended = runDrain(binary, env, options);
  const { stdout, error, status, signal } = ended;
  if (error) throw error;
  if (status !== 0) throw new Error(`drain exited with ${signal ?? status}`);
  return parseResult(stdout.toString());
}

/**
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env
 * @param {DrainOptions} options
 */
function runDrain(binary, env, { folder, limit, silence }) {
  const args = ['drain', '--folder', folder];
  args.push('--limit', `${limit}ms`, '--silence', `${silence}ms`);
  // A signal may end this process before the child looks up its parent.
  args.push('--parent', `${process.pid}`);
  const timeout = limit + grace;
  const started = performance.now();
  const ended = spawnSync(binary, args, {
    // The child shows its progress on the terminal, which Nx no longer uses.
    stdio: ['ignore', 'pipe', isSilent() ? 'ignore' : 'inherit'],
    env,
    timeout,
    killSignal: 'SIGKILL',
    windowsHide: true,
  });
  const error = /** @type {NodeJS.ErrnoException | undefined} */ (ended.error);
  const took = performance.now() - started;
  const wasStopped = error?.code === 'ETIMEDOUT' && took > timeout + late;
  return { ...ended, wasStopped };
}

/**
 * @param {string} text
 * @returns {DrainResult}
 */
function parseResult(text) {
  try {
    const result = JSON.parse(text);
    const { ended, reason, waiting, summary, problems } = result;
    const isResult =
      typeof ended === 'string' &&
      ['undefined', 'string'].includes(typeof reason) &&
      typeof waiting === 'number' &&
      typeof summary?.hits === 'number' &&
      (problems === null || Array.isArray(problems));
    if (isResult) return result;
  } catch {} // reported below
  throw new Error(`drain printed ${JSON.stringify(text.slice(0, 100))}`);
}

exports.drain = drain;
exports.emptySummary = emptySummary;
