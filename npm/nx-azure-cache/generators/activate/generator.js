'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { readEnvironment } = require('../../lib/environment');
const { generatorCommand } = require('../../lib/package-manager');
const { printable, printableLine } = require('../../lib/printable');
const {
  addIgnoreLine,
  ignoreLine,
  ignoredBy,
  isTracked,
  removeIgnoreLine,
} = require('./ignored');

/** @import { Tree } from 'nx/src/generators/tree' */

const launcher = path.join(__dirname, '..', '..', 'bin', 'nx-azure-cache.js');

/** Where the binary looks for licenses. */
const file = '.nx/powerpack/license.ini';

/**
 * Writes a license to the workspace. The binary checks it and prints the new file. If the
 * license is rejected, throws an error that says why, and changes nothing.
 *
 * @param {Tree} tree
 * @param {import('./schema').ActivateGeneratorSchema} [options]
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv }} [io] `env` is
 *   the whole environment of the command
 */
function activateGenerator(
  tree,
  { key = '', commit = false } = {},
  { log = console.log, env = readEnvironment(tree.root).variables } = {},
) {
  if (key.trim() === '') {
    throw new Error(
      `No license key given: run ${generatorCommand(tree.root, 'activate')} KEY with the key from your issuer.`,
    );
  }
  // On stdin, because everyone on the machine can see the arguments of a process.
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [launcher, 'license', 'activate', '--print', '-'],
    { cwd: tree.root, env, input: key, encoding: 'utf8' },
  );
  if (error) throw error;
  const output = stderr.trim();
  if (status !== 0) throw new Error(printableLine(withoutCommand(output)));
  tree.write(file, stdout);
  const lines = commit ? letIn(tree) : keepOut(tree);
  for (const line of [...output.split('\n'), ...lines]) log(printable(line));
}

/**
 * Keeps the license out of the repository.
 *
 * @param {Tree} tree
 * @returns {string[]} what was done, and what is left to do
 */
function keepOut(tree) {
  if (isTracked(tree.root, file)) {
    return [
      `${file} is in the repository already: commit the change, or remove the file from it with git rm --cached ${file}.`,
    ];
  }
  const lines = [];
  if (!ignoredBy(tree.root, file)) {
    addIgnoreLine(tree);
    lines.push(
      `.gitignore: added ${ignoreLine}, so that git add does not commit the license. To share it in the repository, run this command again with --commit.`,
    );
  }
  return [
    ...lines,
    'In CI, set the secret NX_POWERPACK_LICENSE to the same key.',
  ];
}

/**
 * Lets the license be committed.
 *
 * @param {Tree} tree
 * @returns {string[]} what was done, and what is left to do
 */
function letIn(tree) {
  const lines = [];
  let ignored = ignoredBy(tree.root, file);
  if (ignored?.endsWith(`(${ignoreLine})`) && removeIgnoreLine(tree)) {
    lines.push(`.gitignore: removed ${ignoreLine}.`);
    ignored = undefined;
  }
  return [
    ...lines,
    ignored
      ? `git ignores ${file} because of ${ignored}: replace that pattern (Nx itself needs only .nx/cache and .nx/workspace-data), or run git add --force ${file}.`
      : `Commit ${file}. Everyone who can read the repository can then read the license.`,
  ];
}

/**
 * The binary's message, without references to its command line and stdin.
 *
 * @param {string} text
 */
const withoutCommand = (text) =>
  text
    .replace(/^nx-azure-cache: /, '')
    .replace('the license in stdin', 'this license');

module.exports = { activateGenerator };
