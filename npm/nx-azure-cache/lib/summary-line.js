'use strict';

const {
  diagnostics: { localOnly, readOnly },
} = require('./diagnostics');
const { duration, size } = require('./printable');

/** @import { DrainResult } from './drain' */
/** @import { Session } from './run' */

/**
 * What a run did, beyond the server's summary.
 *
 * @typedef {object} RunResult
 * @property {number} waited milliseconds for which Nx waited for the cache
 * @property {number} localHits results that Nx found in its local cache
 * @property {number} unstored results that a read-only run did not store
 * @property {string} readOnlyBy what makes the run read-only, such as `azure.localMode`
 */

/**
 * The last line of a run, if `showsSummary` says so.
 *
 * A read-only run says only here that its results are not stored. People who chose that mode
 * for their machines would not want a line in each run.
 *
 * @param {DrainResult} result
 * @param {Session} session
 * @param {RunResult} run
 */
function summaryLine(
  { summary, waiting },
  session,
  { waited, localHits, unstored, readOnlyBy },
) {
  const { mode, scope, scopeReason, location } = session;
  const { hits, misses, stored, bytesRead, bytesWritten } = summary;
  /** @type {[number, string][]} parts that are omitted if the number is 0 */
  const rare = [
    [summary.existing, 'existing'],
    [summary.damaged, 'damaged'],
    [summary.skipped, 'skipped'],
    [summary.evicted, 'evicted'],
    [summary.failed, 'failed'],
    [waiting, 'unfinished'],
    [unstored, `not stored (read-only by ${readOnlyBy}, ${readOnly})`],
    [localHits, localHitsPart(localHits, session)],
  ];
  return [
    `${hits} ${hits === 1 ? 'hit' : 'hits'}${savedPart(summary, waited)}`,
    `${misses} ${misses === 1 ? 'miss' : 'misses'}`,
    `${stored} stored`,
    ...rare.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`),
    `${size(bytesRead)} read`,
    `${size(bytesWritten)} written`,
    `${(waited / 1000).toFixed(1)} s waited`,
    mode,
    `scope ${scope} (${scopeReason})`,
    location,
  ].join(', ');
}

/**
 * What the hits saved: the time that their tasks would have taken one after the other, without
 * the time that Nx waited for the cache.
 *
 * @param {DrainResult['summary']} summary
 * @param {number} waited milliseconds
 */
function savedPart({ saved = 0 }, waited) {
  const net = saved - waited;
  return net >= 100 ? ` saved ${duration(net)}` : '';
}

/**
 * Local hits are no remote hits, and nothing is known of the remote cache without a request
 * for each.
 *
 * @param {number} count
 * @param {Session} session
 */
function localHitsPart(count, { backfill, mode, scope }) {
  const hits = count === 1 ? 'local hit' : 'local hits';
  if (backfill) return `${hits} (stored next if the remote cache lacks them)`;
  // Only developers' machines may store them.
  const mayStore = scope === 'local' && mode === 'read-write';
  const hint = mayStore ? ': see azure.backfill' : '';
  return `${hits} (not compared with the remote cache${hint}, ${localOnly})`;
}

/** The variable that shows or hides the line. */
const variable = 'NX_AZURE_CACHE_SUMMARY';

/**
 * Whether a run ends with the summary line: in CI, if Nx is verbose, or as the variable says.
 *
 * @param {NodeJS.ProcessEnv} env without variables from .env files
 * @param {boolean} ci
 * @returns {{ isShown: boolean, problem?: string }}
 */
function showsSummary(env, ci) {
  const isShown = ci || process.env.NX_VERBOSE_LOGGING === 'true';
  const value = env[variable]?.trim().toLowerCase();
  if (!value) return { isShown };
  if (value === '1' || value === 'true') return { isShown: true };
  if (value === '0' || value === 'false') return { isShown: false };
  const shown = JSON.stringify(value.slice(0, 40));
  const problem = `${variable} is ${shown}; allowed are 1 and true, which show the summary line, and 0 and false, which hide it`;
  return { isShown, problem };
}

/**
 * What makes a run read-only: a variable, a key of nx.json, or else what the run is.
 *
 * @param {unknown} config the block azure
 * @param {boolean} ci
 */
function readOnlyReason(config, ci) {
  const isReadOnly = (/** @type {unknown} */ mode) =>
    typeof mode === 'string' && /^read(-only)?$/.test(mode.trim());
  const override = 'NX_POWERPACK_CACHE_MODE';
  // A .env file may set it to this value.
  if (process.env[override]?.trim()) {
    return isReadOnly(process.env[override]) ? override : 'its scope';
  }
  const key = ci ? 'ciMode' : 'localMode';
  const modes = /** @type {Record<string, unknown> | null | undefined} */ (
    config
  );
  return isReadOnly(modes?.[key]) ? `azure.${key}` : 'its scope';
}

exports.readOnlyReason = readOnlyReason;
exports.showsSummary = showsSummary;
exports.summaryLine = summaryLine;
