'use strict';

// Lets machines run Nx as two users whose group shares a cache directory.

const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../kit/run');

/** The group of both users. The system need not know these IDs. */
const group = 64_000;

/** The umask of shared machines: the group may write new files. */
const umask = 0o002;

/** @typedef {{ uid: number, gid: number }} User */

/** @type {Record<'a' | 'b', User>} */
const users = {
  a: { uid: 64_001, gid: group },
  b: { uid: 64_002, gid: group },
};

/**
 * Returns a command line that runs a command with another umask, and as another user.
 *
 * @param {string[]} command
 * @param {number} mask
 * @param {User} [user] the current user if undefined
 * @returns {string[]}
 */
function commandAs(command, mask, user) {
  const shell = ['sh', '-c', `umask 0${mask.toString(8)}; exec "$0" "$@"`];
  return user
    ? [...setprivCommand(user), ...shell, ...command]
    : [...shell, ...command];
}

/**
 * Returns the start of a command line that runs the rest as another user.
 *
 * @param {User} user
 */
function setprivCommand({ uid, gid }) {
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return ['setpriv', ...ids];
}

/**
 * Whether runs can belong to another user, and that user can enter a folder.
 *
 * @param {string} folder
 */
async function canRunAsOtherUser(folder) {
  if (process.getuid?.() !== 0) return false;
  try {
    const [command, ...args] = setprivCommand(users.a);
    const test = ['sh', '-c', 'cd "$0" && exec "$1" -e 0'];
    const { code } = await attempt(command, [
      ...args,
      ...test,
      ...[folder, process.execPath],
    ]);
    return code === 0;
  } catch {
    return false; // the command setpriv is missing
  }
}

/**
 * Creates a cache directory for the group.
 *
 * @param {string} folder
 * @param {User} [owner]
 */
function makeShared(folder, owner) {
  fs.mkdirSync(folder);
  if (owner) fs.chownSync(folder, owner.uid, owner.gid);
  fs.chmodSync(folder, 0o2775);
}

/**
 * Makes a user the owner of a folder and its content. Files in node_modules keep their owner,
 * because other machines have hard links to them.
 *
 * @param {string} folder
 * @param {User} user
 */
function changeOwner(folder, user) {
  fs.lchownSync(folder, user.uid, user.gid);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.name === 'node_modules') continue;
    if (entry.isDirectory()) changeOwner(file, user);
    else fs.lchownSync(file, user.uid, user.gid);
  }
}

exports.commandAs = commandAs;
exports.canRunAsOtherUser = canRunAsOtherUser;
exports.changeOwner = changeOwner;
exports.makeShared = makeShared;
exports.umask = umask;
exports.users = users;
