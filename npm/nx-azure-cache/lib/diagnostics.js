'use strict';

// The codes of the lines that JavaScript makes. cache/diagnostic/codes.go has those of Go,
// and docs/troubleshooting.md has a section for each. Codes of both have the same names.

const diagnostics = {
  // Installing and starting.
  /** The package with the binary of this platform is not installed. */
  binaryMissing: 'NXAC001',
  /** There is no binary for this platform. */
  platformNotSupported: 'NXAC002',
  /** The npm package and its binary have different versions. */
  versionsDiffer: 'NXAC003',
  /** The system does not start the binary, or it does not respond at the start. */
  notStarted: 'NXAC004',
  /** The cache process ended, or stopped responding, in the middle of a run. */
  processLost: 'NXAC005',
  /** Another product is installed under the name of this package. */
  foreignPackage: 'NXAC006',
  /** This software has a bug; a log helps to find it. */
  bug: 'NXAC007',

  // Settings.
  /** nx.json cannot be read, or has a value that is not allowed. */
  settingInvalid: 'NXAC022',
  /** azure.include or azure.exclude needs a task that Nx does not name. */
  taskUnknown: 'NXAC026',

  // Responses from Azure, and networks, if the server does not say more.
  requestRefused: 'NXAC049',
  storageFailed: 'NXAC057',

  // The cache directory: see fixes in file-error.js.
  directoryDenied: 'NXAC070',
  diskFull: 'NXAC071',
  tooManyFiles: 'NXAC072',
  fileSystemFailed: 'NXAC073',
  folderOccupied: 'NXAC075',

  // Entries that are not used.
  /** The entry is truncated or altered. */
  entryDamaged: 'NXAC080',
  /** The run made another result than the stored one. */
  entryDiffers: 'NXAC086',

  // Results that are not stored.
  /** An archive cannot represent the result; the reason of the server says why. */
  resultNotStorable: 'NXAC091',
  /** Nx deleted the outputs first. */
  resultEvicted: 'NXAC093',
  /** Something other than Nx sent the request. */
  notFromNx: 'NXAC094',

  // The end of a run.
  /** The time limit after the run was used up. */
  drainLimit: 'NXAC100',
  /** A signal ended the run. */
  cancelled: 'NXAC101',
  /** The cache process does not respond, or exited, before it stored its results. */
  resultsLost: 'NXAC102',
  /** The record of the run is not stored. */
  recordFailed: 'NXAC103',

  // Notes, which are not problems.
  /** After Ctrl-C, results are still being stored. */
  storedInBackground: 'NXAC110',
  /** The run may only read, so its misses stay misses. */
  readOnly: 'NXAC111',
  /** Results are only in the local cache of this machine. */
  localOnly: 'NXAC112',
};

/** The address of the pages. */
const docs = 'https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/';

/** The page with a section for each code. */
const page = `${docs}troubleshooting.md`;

/**
 * The address of the section about a code; '' for anything else, such as a string that a
 * server of another version has sent.
 *
 * @param {unknown} code
 */
function urlOf(code) {
  if (typeof code !== 'string' || !/^NXAC[0-9]{3}$/.test(code)) return '';
  return `${page}#${code.toLowerCase()}`;
}

/**
 * A line with its code and the address of its section. Without a code, that is `text`.
 *
 * @param {string} text
 * @param {unknown} code
 */
function withCode(text, code) {
  const url = urlOf(code);
  return url ? `${text} (${code}: ${url})` : text;
}

/**
 * Attaches a code to an error, unless it has one already.
 *
 * @template {unknown} T
 * @param {string} code
 * @param {T} err
 * @returns {T}
 */
function withDiagnostic(code, err) {
  if (err instanceof Error && !codeOf(err)) {
    Object.assign(err, { diagnostic: code });
  }
  return err;
}

/**
 * The code of an error: the one that the server sent, or the one attached to it here.
 *
 * @param {any} err
 * @returns {string | undefined}
 */
function codeOf(err) {
  const code = err?.data?.diagnostic ?? err?.diagnostic;
  return urlOf(code) ? code : undefined;
}

/**
 * Whether a line with this code is about a problem. The others are notes: NXAC110 and above.
 *
 * @param {string} code '' for none
 */
function isProblem(code) {
  return code < 'NXAC110';
}

exports.codeOf = codeOf;
exports.diagnostics = diagnostics;
exports.docs = docs;
exports.isProblem = isProblem;
exports.urlOf = urlOf;
exports.withCode = withCode;
exports.withDiagnostic = withDiagnostic;
