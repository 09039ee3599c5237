'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { readEnvironment } = require('../../lib/environment');
const { printable, printableLine } = require('../../lib/printable');

const launcher = path.join(__dirname, '..', '..', 'bin', 'nx-azure-cache.js');

/** Where the binary looks for licenses. */
const file = '.nx/powerpack/license.ini';

const nextSteps = [
  `Commit ${file} if only people who may use the license can read the repository.`,
  `Otherwise, add it to .gitignore and give CI the license as the secret NX_POWERPACK_LICENSE.`,
];

/**
 * Writes a license to the workspace. The binary checks it and prints the new file. If the
 * license is rejected, throws an error that says why, and changes nothing.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {import('./schema').ActivateGeneratorSchema} [options]
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv }} [io] `env` is
 *   the whole environment of the command
 */
function activateGenerator(
  tree,
  { key = '' } = {},
  { log = console.log, env = readEnvironment(tree.root).variables } = {},
) {
  if (key.trim() === '') {
    throw new Error(
      'No license key given: run nx g @nx/powerpack-azure-cache:activate KEY with the key from your issuer.',
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
  for (const line of [...output.split('\n'), ...nextSteps])
    log(printable(line));
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
