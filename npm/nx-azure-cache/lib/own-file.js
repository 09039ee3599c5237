'use strict';

// Files that this process writes for the server, in the server's folder.

const fs = require('node:fs');
const path = require('node:path');
const { diagnostics, withDiagnostic } = require('./diagnostics');
const { fileError, fileSystemError } = require('./file-error');

/**
 * The folder of a server in a cache directory.
 *
 * @param {string} cacheDirectory
 * @param {string} session of the response to `initialize`
 */
function ownFolder(cacheDirectory, session) {
  return path.join(cacheDirectory, '.nx-azure-cache', session);
}

/** wx follows no link. The file may be private to this user. */
const newFile = /** @type {const} */ ({ flag: 'wx', mode: 0o600 });

/** How often to try it. */
const attempts = 10;

/**
 * Writes a new file in a server's folder, and creates the folder if it is missing. Another
 * process may be removing the folder, such as `nx reset` or a server that cleans up its own
 * folder beside it.
 *
 * @param {string} file
 * @param {string} content
 */
async function writeOwnFile(file, content) {
  for (let left = attempts - 1; ; left--) {
    try {
      prepareFolders(file);
      return await fs.promises.writeFile(file, content, newFile);
    } catch (err) {
      if (!isGone(err) || left === 0) throw errorAbout(file, err);
    }
  }
}

/**
 * The same without the event loop, while the process exits.
 *
 * @param {string} file
 * @param {Buffer} content
 * @param {{ mayCreate?: boolean }} [options] `mayCreate`: create the folder if it is missing
 */
function writeOwnFileNow(file, content, { mayCreate = true } = {}) {
  for (let left = mayCreate ? attempts - 1 : 0; ; left--) {
    try {
      prepareFolders(file, mayCreate);
      return fs.writeFileSync(file, content, newFile);
    } catch (err) {
      if (!isGone(err) || left === 0) throw errorAbout(file, err);
    }
  }
}

/**
 * Removes a file that this process has written for a server that has ended, and the folders
 * if nothing else is in them. What cannot be removed only takes space.
 *
 * @param {string} file
 */
function removeOwnFile(file) {
  try {
    fs.rmSync(file, { force: true });
    fs.rmdirSync(path.dirname(file));
    fs.rmdirSync(path.dirname(path.dirname(file)));
  } catch {}
}

/**
 * @param {string} file in the folder of a server
 * @param {boolean} [mayCreate] whether missing folders are created
 */
function prepareFolders(file, mayCreate = true) {
  const folder = path.dirname(file);
  const parent = path.dirname(folder);
  if (mayCreate) createFolder(parent, { isShared: true });
  checkFolder(parent);
  if (mayCreate) createFolder(folder);
  checkFolder(folder, { isPrivate: true });
}

/** @param {unknown} err */
function isGone(err) {
  return /** @type {NodeJS.ErrnoException} */ (err).code === 'ENOENT';
}

/**
 * @param {string} file in the folder of a server
 * @param {unknown} err
 */
function errorAbout(file, err) {
  return fileError(path.dirname(path.dirname(path.dirname(file))), err);
}

/**
 * Throws unless the path is a real folder: Node's `recursive` would follow a link to wherever
 * a repository points it.
 *
 * @param {string} folder
 * @param {{ isPrivate?: boolean }} [options] `isPrivate`: this user must own it
 */
function checkFolder(folder, { isPrivate = false } = {}) {
  const info = fs.lstatSync(folder);
  if (!info.isDirectory()) {
    const kind = info.isSymbolicLink() ? 'a symbolic link' : 'not a directory';
    throw occupied(
      `${folder} is ${kind}; the remote cache follows no links and replaces no files there (is it committed to the repository?): delete it`,
    );
  }
  if (isPrivate && process.geteuid && info.uid !== process.geteuid()) {
    throw occupied(
      `${folder} belongs to user ${info.uid} (did another user of this machine create it first?): delete it, or set cacheDirectory in nx.json to a directory of your own`,
    );
  }
}

/**
 * Creates a folder unless something is there. The server sets the folder's final mode.
 *
 * @param {string} folder
 * @param {{ isShared?: boolean }} [options] `isShared`: anyone who may use its parent may use
 *   it, too
 */
function createFolder(folder, { isShared = false } = {}) {
  const parent = path.dirname(folder);
  const mode = isShared ? (fs.statSync(parent).mode & 0o775) | 0o700 : 0o700;
  try {
    fs.mkdirSync(folder, { mode });
  } catch (err) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (err);
    if (code === 'EACCES') throw notWritable(parent);
    if (code !== 'EEXIST') throw err;
  }
}

/** @param {string} folder in which this user may not create anything */
function notWritable(folder) {
  const { uid, mode } = fs.statSync(folder);
  const octal = (mode & 0o777).toString(8).padStart(3, '0');
  return occupied(
    `this user cannot write to ${folder}, which belongs to user ${uid} and has mode ${octal} (did Nx run with sudo?): delete it as that user, or set cacheDirectory in nx.json to a directory of your own`,
  );
}

/** @param {string} text about something else at the place of the cache's folder */
function occupied(text) {
  return withDiagnostic(diagnostics.folderOccupied, fileSystemError(text));
}

exports.ownFolder = ownFolder;
exports.removeOwnFile = removeOwnFile;
exports.writeOwnFile = writeOwnFile;
exports.writeOwnFileNow = writeOwnFileNow;
