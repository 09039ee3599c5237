'use strict';

// Runs of two users whose group shares a cache directory.

const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../kit/run');

/** The group of both users. None of the numbers need be known to the system. */
const group = 64_000;

/** What a shared machine sets: others of the group may write what one has made. */
const umask = 0o002;

/** @typedef {{ uid: number, gid: number }} User */

/** @type {Record<'a' | 'b', User>} */
const users = {
  a: { uid: 64_001, gid: group },
  b: { uid: 64_002, gid: group },
};

/**
 * A command as another user and with another umask.
 *
 * @param {string[]} command
 * @param {number} mask
 * @param {User} [user] none: this one
 * @returns {string[]}
 */
function asMember(command, mask, user) {
  const shell = ['sh', '-c', `umask 0${mask.toString(8)}; exec "$0" "$@"`];
  return user
    ? [...become(user), ...shell, ...command]
    : [...shell, ...command];
}

/** @param {User} user */
function become({ uid, gid }) {
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return ['setpriv', ...ids];
}

/**
 * Whether runs can have users of their own, who get at a folder.
 *
 * @param {string} folder
 */
async function canBecome(folder) {
  if (process.getuid?.() !== 0) return false;
  try {
    const [command, ...args] = become(users.a);
    const test = ['sh', '-c', 'cd "$0" && exec "$1" -e 0'];
    const { code } = await attempt(command, [
      ...args,
      ...test,
      ...[folder, process.execPath],
    ]);
    return code === 0;
  } catch {
    return false; // there is no setpriv
  }
}

/**
 * Makes a cache directory for the group.
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
 * Gives a folder to a user with all that is in it but packages, whose files are
 * those of other machines, too.
 *
 * @param {string} folder
 * @param {User} user
 */
function give(folder, user) {
  fs.lchownSync(folder, user.uid, user.gid);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.name === 'node_modules') continue;
    if (entry.isDirectory()) give(file, user);
    else fs.lchownSync(file, user.uid, user.gid);
  }
}

exports.asMember = asMember;
exports.canBecome = canBecome;
exports.give = give;
exports.makeShared = makeShared;
exports.umask = umask;
exports.users = users;
