'use strict';

const { spawnSync } = require('node:child_process');

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
 * @property {'stored' | 'gone' | 'limit' | 'interrupted' | 'unknown'} ended
 * @property {string} [reason] why it is unknown
 * @property {number} waiting entries that are not stored
 * @property {Summary} summary
 * @property {StoredParams[] | null} troubles
 */

/** Milliseconds that ending a server takes beside the limit. */
const grace = 10_000;

/**
 * Waits, without the event loop, until the cache process that works in a folder
 * has stored what it has accepted. Throws when the waiting itself fails.
 *
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env all that it gets
 * @param {string} folder
 * @param {number} limit milliseconds
 * @returns {DrainResult}
 */
function drain(binary, env, folder, limit) {
  const { stdout, error, status, signal } = spawnSync(
    binary,
    ['drain', '--folder', folder, '--limit', `${limit}ms`],
    {
      // Its progress goes to the terminal, which is free by now.
      stdio: ['ignore', 'pipe', 'inherit'],
      env,
      timeout: limit + grace,
      killSignal: 'SIGKILL',
      windowsHide: true,
    },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`drain ended with ${signal ?? status}`);
  return read(stdout.toString());
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
  throw new Error(`drain has said ${JSON.stringify(text.slice(0, 100))}`);
}

exports.drain = drain;
