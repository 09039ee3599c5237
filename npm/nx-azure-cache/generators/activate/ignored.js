'use strict';

// Keeps the license file out of the repository, or lets it in. Git decides whether it is
// ignored: a parent folder, .git/info/exclude and the user's settings count, too.

const { spawnSync } = require('node:child_process');
const { readEnvironment } = require('../../lib/environment');

/** @import { Tree } from 'nx/src/generators/tree' */

/** The folder of the license, as a line of .gitignore. Nx keeps nothing else in it. */
const ignoreLine = '.nx/powerpack';

/**
 * @param {string} root of the workspace
 * @param {...string} args
 */
function git(root, ...args) {
  return spawnSync('git', args, {
    ...{ cwd: root, encoding: 'utf8', timeout: 10_000, windowsHide: true },
    env: readEnvironment(root).variables, // without .env files, which may set what git runs
  });
}

/**
 * The place of the pattern that makes git ignore a file, such as `.gitignore:3 (.nx)`.
 * Undefined if git does not ignore it.
 *
 * @param {string} root of the workspace
 * @param {string} file
 * @returns {string | undefined}
 */
function ignoredBy(root, file) {
  const { status, stdout } = git(root, 'check-ignore', '--verbose', file);
  if (status !== 0) return undefined;
  const [, place, pattern = ''] = /^(.*:\d+):(.*)\t/.exec(stdout) ?? [];
  if (pattern.startsWith('!')) return undefined;
  return place ? `${place} (${pattern})` : 'git';
}

/**
 * Whether the file is in git already. Then git does not ignore it.
 *
 * @param {string} root of the workspace
 * @param {string} file
 */
function isTracked(root, file) {
  return git(root, 'ls-files', '--error-unmatch', file).status === 0;
}

/**
 * Adds the line to .gitignore unless it is there.
 *
 * @param {Tree} tree
 */
function addIgnoreLine(tree) {
  const text = tree.read('.gitignore', 'utf8') ?? '';
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const before = text === '' || text.endsWith('\n') ? text : text + eol;
  tree.write('.gitignore', before + ignoreLine + eol);
}

/**
 * Removes the line from .gitignore. Returns whether it was there.
 *
 * @param {Tree} tree
 */
function removeIgnoreLine(tree) {
  const text = tree.read('.gitignore', 'utf8') ?? '';
  const rest = text.replaceAll(/^\.nx\/powerpack\/?[ \t]*(\r?\n|$)/gm, '');
  if (rest === text) return false;
  if (rest === '') tree.delete('.gitignore');
  else tree.write('.gitignore', rest);
  return true;
}

module.exports = {
  ...{ addIgnoreLine, ignoreLine, ignoredBy, isTracked, removeIgnoreLine },
};
