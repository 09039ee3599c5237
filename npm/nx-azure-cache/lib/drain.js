'use strict';

const { spawnSync } = require('node:child_process');
const { isSilent } = require('./notices');

/**
 * What a cache process has done: Summary in cache/summary.go.
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
 */

/** @typedef {import('./client').StoredParams} StoredParams */

/**
 * What `nx-azure-cache drain` prints: drainResult in cmd/nx-azure-cache.
 *
 * @typedef {object} DrainResult
 * @property {'stored' | 'gone' | 'limit' | 'silent' | 'interrupted' | 'unknown'} ended
 * @property {string} [reason] why it is unknown
 * @property {number} [processId] of the cache process
 * @property {boolean} [isLeft] whether it still runs although it was ended
 * @property {number} waiting entries that are not stored
 * @property {Summary} summary
 * @property {StoredParams[] | null} troubles
 */

/**
 * Of a process that was asked for nothing.
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

/** Milliseconds that ending a server takes beside the limit. */
const grace = 10_000;

/** Milliseconds by which a timer is late at most, unless this process was stopped. */
const late = 2_000;

/**
 * @typedef {object} DrainOptions
 * @property {string} folder in which the cache process works
 * @property {number} limit milliseconds for which it is waited for
 * @property {number} silence milliseconds for which it may show no sign of life
 */

/**
 * Waits, without the event loop, until a cache process has stored what it has
 * accepted. Throws when the waiting itself fails.
 *
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env all that it gets
 * @param {DrainOptions} options
 * @returns {DrainResult}
 */
function drain(binary, env, options) {
  let ended = run(binary, env, options);
  // The machine was stopped, and both processes with it: the time did not count.
  if (ended.wasStopped) ended = run(binary, env, options);
  const { stdout, error, status, signal } = ended;
  if (error) throw error;
  if (status !== 0) throw new Error(`drain exited with ${signal ?? status}`);
  return read(stdout.toString());
}

/**
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env
 * @param {DrainOptions} options
 */
function run(binary, env, { folder, limit, silence }) {
  const args = ['drain', '--folder', folder];
  args.push('--limit', `${limit}ms`, '--silence', `${silence}ms`);
  // A signal may end this process before that one looks who its parent is.
  args.push('--parent', `${process.pid}`);
  const timeout = limit + grace;
  const started = performance.now();
  const ended = spawnSync(binary, args, {
    // Its progress goes to the terminal, which is free by now.
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
function read(text) {
  try {
    const result = JSON.parse(text);
    const { ended, reason, waiting, summary, troubles } = result;
    const isResult =
      typeof ended === 'string' &&
      ['undefined', 'string'].includes(typeof reason) &&
      typeof waiting === 'number' &&
      typeof summary?.hits === 'number' &&
      (troubles === null || Array.isArray(troubles));
    if (isResult) return result;
  } catch {} // said below
  throw new Error(`drain printed ${JSON.stringify(text.slice(0, 100))}`);
}

exports.drain = drain;
exports.emptySummary = emptySummary;
