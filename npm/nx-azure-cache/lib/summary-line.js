'use strict';

/** @import { DrainResult } from './drain' */
/** @import { Session } from './run' */

/**
 * The last line of a run in CI, and of a verbose run elsewhere.
 *
 * @param {DrainResult} result
 * @param {Session} session
 * @param {number} waited milliseconds for which Nx waited for the cache
 */
function summaryLine({ summary, waiting }, session, waited) {
  const { mode, scope, scopeReason, location } = session;
  const { hits, misses, stored, bytesRead, bytesWritten } = summary;
  const rare = /** @type {const} */ ([
    ['existing', summary.existing],
    ['damaged', summary.damaged],
    ['skipped', summary.skipped],
    ['evicted', summary.evicted],
    ['failed', summary.failed],
    ['unfinished', waiting],
  ])
    .filter(([, n]) => n > 0)
    .map(([what, n]) => `${n} ${what}`);
  return [
    `${hits} ${hits === 1 ? 'hit' : 'hits'}`,
    `${misses} ${misses === 1 ? 'miss' : 'misses'}`,
    `${stored} stored`,
    ...rare,
    `${megabytes(bytesRead)} read`,
    `${megabytes(bytesWritten)} written`,
    `${(waited / 1000).toFixed(1)} s waited`,
    mode,
    `scope ${scope} (${scopeReason})`,
    location,
  ].join(', ');
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

exports.summaryLine = summaryLine;
