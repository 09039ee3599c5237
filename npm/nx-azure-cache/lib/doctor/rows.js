'use strict';

/**
 * One check, as `doctor --json` prints it.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {'package' | 'versions'} part
 * @property {string} check what was checked, for people
 * @property {'ok' | 'warning' | 'failed' | 'unknown'} status
 * @property {string} seen
 * @property {string} [fix]
 */

/** @typedef {{ ok: Plain, warning: WithFix, failed: WithFix, unknown: Plain }} Rows */
/** @typedef {(id: string, check: string, seen: string) => Row} Plain */
/** @typedef {(id: string, check: string, seen: string, fix: string) => Row} WithFix */

/**
 * Functions that create the rows of a part.
 *
 * @param {Row['part']} part
 * @returns {Rows}
 */
function rowsOf(part) {
  const maker =
    (/** @type {Row['status']} */ status) =>
    (
      /** @type {string} */ id,
      /** @type {string} */ check,
      /** @type {string} */ seen,
      fix = '',
    ) => ({ id, part, check, status, seen, ...(fix && { fix }) });
  return {
    ok: maker('ok'),
    warning: maker('warning'),
    failed: maker('failed'),
    unknown: maker('unknown'),
  };
}

exports.rowsOf = rowsOf;
