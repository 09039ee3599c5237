'use strict';

const { codeOf, diagnostics } = require('./diagnostics');
const { fileSystem } = require('./file-error');
const { kinds } = require('./notices');
const { reasonOf } = require('./reason');

/** The error codes in rpc/doc.go. */
const unavailable = 1;
const misconfigured = 2;
const damaged = 3;
const off = 4;
const invalidParams = -32602;
const cancelled = -32800;

/** The fix of what looks like a bug. */
const reportBug =
  'if it happens again, report it with a log (NX_AZURE_CACHE_LOG=debug, NX_AZURE_CACHE_LOG_FILE=PATH)';

const {
  bug,
  entryDamaged,
  fileSystemFailed,
  notFromNx,
  processLost,
  requestRefused,
  storageFailed,
} = diagnostics;

/**
 * The kind of problem for each code in rpc/doc.go, the rank of its line, and its diagnostic,
 * unless the server has sent one. A rejection outranks broken connections, because a server
 * that rejects a body often resets the connection. That the storage is off outranks the
 * failures before. The server's messages contain the fix.
 *
 * @type {Map<unknown, { kind: string, rank?: number, diagnostic: string }>}
 */
const problems = new Map([
  [unavailable, { kind: kinds.storage, diagnostic: storageFailed }],
  [off, { kind: kinds.storage, rank: 1, diagnostic: storageFailed }],
  [misconfigured, { kind: kinds.storage, rank: 2, diagnostic: requestRefused }],
  [damaged, { kind: kinds.entry, diagnostic: entryDamaged }],
  [fileSystem, { kind: kinds.files, diagnostic: fileSystemFailed }],
  [invalidParams, { kind: kinds.request, diagnostic: notFromNx }],
]);

/**
 * The line about a request that failed.
 *
 * @param {string} doing
 * @param {any} err with the code in rpc/doc.go, if it has one
 */
function problemOf(doing, err) {
  const code = err?.code;
  const known = problems.get(code);
  // A code that the shim does not know is a bug of the server. Without a code, the client
  // says why there is no response.
  const general = code === undefined ? processLost : bug;
  return {
    kind: known?.kind ?? kinds.process,
    diagnostic: codeOf(err) ?? known?.diagnostic ?? general,
    text: textOf(doing, err),
    rank: known?.rank,
  };
}

/**
 * @param {string} doing
 * @param {any} err
 */
function textOf(doing, err) {
  const reason = reasonOf(err);
  if (err?.code === damaged) {
    return `${reason}; its task ran, and the new result replaces the entry if this identity may do so`;
  }
  const fix = problems.has(err?.code) ? '' : ` (${reportBug})`;
  return `${doing} the remote cache failed, the tasks run without it: ${reason}${fix}`;
}

exports.cancelled = cancelled;
exports.problemOf = problemOf;
exports.reportBug = reportBug;
