'use strict';

const { size } = require('./printable');

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
    `${size(bytesRead)} read`,
    `${size(bytesWritten)} written`,
    `${(waited / 1000).toFixed(1)} s waited`,
    mode,
    `scope ${scope} (${scopeReason})`,
    location,
  ].join(', ');
}

exports.summaryLine = summaryLine;
