'use strict';

const { diagnostics, withDiagnostic } = require('./diagnostics');

/** The error code in rpc/doc.go for errors of the file system. */
const fileSystem = 5;

const { directoryDenied, diskFull, fileSystemFailed, tooManyFiles } =
  diagnostics;

/** @type {[string[], string, (directory: string) => string][]} error codes, their diagnostic and fix */
const fixes = [
  [
    ['ENOSPC', 'EDQUOT', 'EFBIG'],
    diskFull,
    (directory) =>
      `free space on the file system of ${directory}, or set NX_CACHE_DIRECTORY to a directory on another`,
  ],
  [
    ['EROFS'],
    fileSystemFailed,
    (directory) =>
      `the file system of ${directory} is read-only: mount it writable, or set NX_CACHE_DIRECTORY to a directory on another`,
  ],
  [
    ['EACCES', 'EPERM', 'EBUSY'],
    directoryDenied,
    (directory) =>
      `another user (sudo, a container) may own ${directory} or a file in it: make the user of this run the owner (chown -R), or set NX_CACHE_DIRECTORY to a directory of your own`,
  ],
  [
    ['EMFILE', 'ENFILE'],
    tooManyFiles,
    () =>
      'this process or machine has too many files open: raise the limit (`ulimit -n 4096` in the shell that starts Nx), or run fewer tasks at once (--parallel)',
  ],
  [
    ['EXDEV'],
    fileSystemFailed,
    (directory) =>
      `${directory} spans several file systems (a mount, or a layer of a container image): set NX_CACHE_DIRECTORY to a directory on a single one`,
  ],
  [
    ['ENOENT', 'ESTALE'],
    fileSystemFailed,
    (directory) =>
      `another process has removed files in ${directory} (` +
      '`nx reset`, a cleaner of temporary files): run Nx again, and stop that process if this recurs',
  ],
  [
    ['EIO', 'ENXIO', 'ENODEV'],
    fileSystemFailed,
    (directory) =>
      `the disk or network drive of ${directory} reports errors: ` +
      'check the system log (`dmesg`), or set NX_CACHE_DIRECTORY to a directory on another',
  ],
];

/**
 * What fixes an error of a file system, and its diagnostic. cache/fileerror/fileerror.go says
 * the same; the tests of both read testdata/file-errors.json.
 *
 * @param {string} directory
 * @param {string | undefined} code such as ENOSPC
 */
function fixOf(directory, code) {
  const found = fixes.find(([codes]) => codes.includes(code ?? ''));
  if (found) return { diagnostic: found[1], fix: found[2](directory) };
  const fix = `check the file system of ${directory}, or set NX_CACHE_DIRECTORY to a directory on another`;
  return { diagnostic: fileSystemFailed, fix };
}

/**
 * An error with the code of the file system.
 *
 * @param {string} text
 */
function fileSystemError(text) {
  return Object.assign(new Error(text), { code: fileSystem });
}

/**
 * Converts a Node error about a file below a directory to an error with that code and a
 * fix. Returns errors that already have the code unchanged.
 *
 * @param {string} directory
 * @param {unknown} err
 */
function fileError(directory, err) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (err);
  if (/** @type {unknown} */ (code) === fileSystem) return err;
  const { diagnostic, fix } = fixOf(directory, code);
  return withDiagnostic(diagnostic, fileSystemError(`${message}; ${fix}`));
}

exports.fileError = fileError;
exports.fileSystem = fileSystem;
exports.fixOf = fixOf;
exports.fileSystemError = fileSystemError;
