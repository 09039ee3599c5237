'use strict';

// The file in which this run notes the tasks that it makes now, for other runs in the
// workspace: see cache/scratch/pending.go.

const fs = require('node:fs');
const path = require('node:path');

/**
 * Notes that a task begins. Throws if that cannot be noted.
 *
 * @param {string} folder of the server
 * @param {string} hash
 * @returns {string} the file, for `noteEnd`
 */
function noteBegin(folder, hash) {
  const file = path.join(folder, 'pending');
  append(file, `+${hash}\n`);
  return file;
}

/**
 * Notes that a task has ended. One that has failed may have disturbed what others have
 * begun before: it may have deleted what they have built.
 *
 * @param {string} file
 * @param {string} hash
 * @param {boolean} hasFailed
 */
function noteEnd(file, hash, hasFailed) {
  try {
    if (hasFailed) markOthers(file, hash);
    append(file, `-${hash}\n`);
  } catch {} // the folder is gone, and what was noted with it
}

/**
 * Notes that Nx restores a result to the workspace now: what another run builds there for
 * the same task is disturbed.
 *
 * @param {string} folder of the server
 * @param {string} hash
 */
function noteRestore(folder, hash) {
  try {
    markOthers(path.join(folder, 'pending'), hash);
  } catch {} // there is no folder yet, and no other run
}

/**
 * Notes in the files of all other runs that they may be disturbed, see
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
    } catch {} // it has noted nothing, or is another user's
  }
}

/**
 * Writes at once: another run may look in the next moment. The file is not kept open,
 * which would keep Windows from removing the folder.
 *
 * @param {string} file
 * @param {string} text
 * @param {{ isThere?: boolean }} [options] `isThere`: the file is not made
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
