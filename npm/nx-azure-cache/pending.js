'use strict';

// The file in which this run notes the tasks that it makes now, for other runs in the
// workspace: see cache/pending.go.

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
 * @param {string} file
 * @param {string} hash
 */
function noteEnd(file, hash) {
  try {
    append(file, `-${hash}\n`);
  } catch {} // the folder is gone, and what was noted with it
}

/**
 * Writes at once: another run may look in the next moment. The file is not kept open,
 * which would keep Windows from removing the folder.
 *
 * @param {string} file
 * @param {string} text
 */
function append(file, text) {
  const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_WRONLY } = fs.constants;
  const flags = O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY;
  const handle = fs.openSync(file, flags, 0o600);
  try {
    fs.writeSync(handle, text);
  } finally {
    fs.closeSync(handle);
  }
}

exports.noteBegin = noteBegin;
exports.noteEnd = noteEnd;
