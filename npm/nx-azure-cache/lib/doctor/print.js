'use strict';

// Prints doctor's rows of the JavaScript side if the binary cannot be run, in the binary's
// format.

const { printable, printableJson } = require('../printable');

/** @import { Row } from './rows' */

const marks = { ok: '✓', warning: '⚠', failed: '✗', unknown: '?' };

/** The headings of the parts. */
const titles = {
  package: 'what Nx loads',
  versions: 'versions',
};

/**
 * The verdict, a line for each row, and below them each fix once. A row has failed: the
 * binary cannot be run.
 *
 * @param {Row[]} found
 * @param {boolean} isTerminal
 */
function formatText(found, isTerminal) {
  const rows = found.map(escapeRow);
  const width = Math.max(...rows.map(({ check }) => check.length));
  const fixes = [...new Set(rows.flatMap(({ fix }) => fix ?? []))];
  const note = (/** @type {Row} */ { fix }) =>
    fix ? ` [${fixes.indexOf(fix) + 1}]` : '';
  const failed = /** @type {Row} */ (
    rows.find(({ status }) => status === 'failed')
  );
  const verdict = `The remote cache does not work here: ${failed.check}: ${failed.seen}${note(failed)}`;
  const lines = Object.entries(titles).flatMap(([part, title]) => [
    '',
    title,
    ...rows
      .filter((row) => row.part === part)
      .map((row) => {
        const mark = isTerminal ? `${marks[row.status]} ` : '';
        return `  ${mark}${row.status.padEnd(8)}  ${row.check.padEnd(width)}  ${row.seen}${note(row)}`;
      }),
  ]);
  const todo = fixes.map((fix, i) => `  [${i + 1}] ${fix}`);
  const last = 'The other checks need the binary.';
  return `${[verdict, ...lines, '', 'what to do:', ...todo, '', last].join('\n')}\n`;
}

/**
 * @param {Row[]} rows
 * @returns {string} in the format of the binary's --json, with these rows only
 */
function formatJson(rows) {
  const checks = rows.map((row) => ({
    ...row,
    fails: row.status === 'failed',
  }));
  return `${printableJson({ checks, exitCode: 1 }, 2)}\n`;
}

/**
 * Escapes a row for a terminal. The checkout controls names, versions and folders of
 * packages.
 *
 * @param {Row} row
 * @returns {Row}
 */
function escapeRow({ fix, ...row }) {
  return {
    ...row,
    check: printable(row.check),
    seen: printable(row.seen),
    ...(fix && { fix: printable(fix) }),
  };
}

exports.formatJson = formatJson;
exports.formatText = formatText;
