'use strict';

// The file in which this run lists its running tasks, for other runs in the workspace.
// cache/scratch/pending.go reads it.

const fs = require('node:fs');
const path = require('node:path');

/**
 * Records that a task begins. Throws if it cannot.
 *
 * @param {string} folder the server's folder
 * @param {string} hash
 * @returns {string} the file, for `noteEnd`
 */
function noteBegin(folder, hash) {
  const file = path.join(folder, 'pending');
  append(file, `+${hash}\n`);
  return file;
}

/**
 * Records that a task has ended. A failed task may have deleted what other runs built, so
 * their files are marked, too.
 *
 * @param {string} file
 * @param {string} hash
 * @param {boolean} hasFailed
 */
function noteEnd(file, hash, hasFailed) {
  try {
    if (hasFailed) markOthers(file, hash);
    append(file, `-${hash}\n`);
  } catch {} // the folder is gone, and the file with it
}

/**
 * Records that Nx restores a result to the workspace. That may disturb another run that
 * builds the same task there.
 *
 * @param {string} folder the server's folder
 * @param {string} hash
 */
function noteRestore(folder, hash) {
  try {
    markOthers(path.join(folder, 'pending'), hash);
  } catch {} // there is no folder yet, so there is no other run
}

/**
 * Records in the files of all other runs that they may be disturbed; see
 * cache/scratch/pending.go.
 *
 * @param {string} file of this run
 * @param {string} hash
 */
function markOthers(file, hash) {
  const sessions = path.dirname(path.dirname(file));
  for (const session of fs.readdirSync(sessions)) {
    const other = path.join(sessions, session, 'pending');
    try {
      if (other !== file) append(other, `~${hash}\n`, { isThere: true });
    } catch {} // it has no such file, or belongs to another user
  }
}

/**
 * Appends at once, because another run may read the file in the next moment. Does not keep
 * the file open, which would stop Windows from removing the folder.
 *
 * @param {string} file
 * @param {string} text
 * @param {{ isThere?: boolean }} [options] `isThere`: do not create the file
 */
function append(file, text, { isThere = false } = {}) {
  const { O_APPEND, O_CREAT, O_WRONLY } = fs.constants;
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants; // not on Windows
  const make = isThere ? 0 : O_CREAT;
  const flags = O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_WRONLY | make;
  const handle = fs.openSync(file, flags, 0o600);
  try {
    fs.writeSync(handle, text);
  } finally {
    fs.closeSync(handle);
  }
}

exports.noteBegin = noteBegin;
exports.noteEnd = noteEnd;
exports.noteRestore = noteRestore;
