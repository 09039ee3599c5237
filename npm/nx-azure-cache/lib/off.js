'use strict';

const { notice } = require('./notices');
const { reasonOf } = require('./reason');

/**
 * Reports that a run has no remote cache. Its results stay on a developer's machine, and
 * later runs find them there, so they would never reach the remote cache. A CI machine
 * usually vanishes with its local cache.
 *
 * @param {string} code of `diagnostics`
 * @param {unknown} why
 * @param {{ ci?: boolean, config?: unknown }} [run] config is the block azure of nx.json
 */
function reportOff(code, why, { ci = isCI(), config } = {}) {
  const block = /** @type {{ backfill?: unknown } | null | undefined} */ (
    config
  );
  const local =
    block?.backfill === true
      ? '; the results of this run are only in the local cache: ' +
        'when this is fixed, later runs store them (azure.backfill)'
      : '; the results of this run are only in the local cache: ' +
        'when this is fixed, run nx reset and build again, or set azure.backfill in nx.json';
  notice(
    'start',
    code,
    `the remote cache is off: ${reasonOf(why)}${ci ? '' : local}`,
  );
}

/** Whether Nx considers this a run in CI. */
function isCI() {
  try {
    return Boolean(require('nx/src/utils/is-ci').isCI());
  } catch {
    return false;
  }
}

exports.reportOff = reportOff;
