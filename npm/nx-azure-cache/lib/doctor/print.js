'use strict';

// What `doctor` prints where the binary cannot: the rows of this side alone, as
// the binary would print them.

const { printable, printableJson } = require('../printable');

/** @import { Row } from './rows' */

const marks = { ok: '✓', warning: '⚠', failed: '✗', unknown: '?' };

/** What the parts are called. */
const titles = {
  package: 'what Nx loads',
  versions: 'versions',
};

/**
 * @param {Row[]} found
 * @param {boolean} isTerminal
 */
function text(found, isTerminal) {
  const rows = found.map(shown);
  const width = Math.max(...rows.map(({ check }) => check.length));
  const fixes = [...new Set(rows.flatMap(({ fix }) => fix ?? []))];
  const lines = Object.entries(titles).flatMap(([part, title]) => [
    title,
    ...rows
      .filter((row) => row.part === part)
      .map(({ status, check, seen, fix }) => {
        const mark = isTerminal ? `${marks[status]} ` : '';
        const note = fix ? ` [${fixes.indexOf(fix) + 1}]` : '';
        return `  ${mark}${status.padEnd(8)}  ${check.padEnd(width)}  ${seen}${note}`;
      }),
    '',
  ]);
  const todo = fixes.map((fix, i) => `  [${i + 1}] ${fix}\n`).join('');
  return `${lines.join('\n')}\nwhat to do:\n${todo}\nThe other checks need the binary.\n`;
}

/**
 * @param {Row[]} rows
 * @returns {string} as the binary's --json, of which the rest is not known
 */
function json(rows) {
  const checks = rows.map((row) => ({
    ...row,
    fails: row.status === 'failed',
  }));
  return `${printableJson({ checks, exitCode: 1 }, 2)}\n`;
}

/**
 * A row as a terminal only shows it. Names, versions and folders of packages are the
 * checkout's word.
 *
 * @param {Row} row
 * @returns {Row}
 */
function shown({ fix, ...row }) {
  return {
    ...row,
    check: printable(row.check),
    seen: printable(row.seen),
    ...(fix && { fix: printable(fix) }),
  };
}

exports.json = json;
exports.text = text;
