'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { readEnvironment } = require('../../lib/environment');
const { printable, printableLine } = require('../../lib/printable');

const launcher = path.join(__dirname, '..', '..', 'bin', 'nx-azure-cache.js');

/** Where the binary looks for licences (design §9). */
const file = '.nx/powerpack/license.ini';

const advice = [
  `Commit ${file} if only those who may use the licence can read the repository.`,
  `Otherwise add it to .gitignore, and give CI the licence as the secret NX_POWERPACK_LICENSE.`,
];

/**
 * Puts a licence into the workspace. The binary checks it and says what the file
 * is to be. Throws an error that says why a licence is not taken; then nothing has
 * changed.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {import('./schema').ActivateGeneratorSchema} [options]
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv }} [io] `env` is
 *   all that the command gets
 */
function activateGenerator(
  tree,
  { key = '' } = {},
  { log = console.log, env = readEnvironment(tree.root).variables } = {},
) {
  if (key.trim() === '') {
    throw new Error(
      'Which licence? nx g @nx/powerpack-azure-cache:activate KEY, where KEY is what its issuer gave you.',
    );
  }
  // On stdin: everybody on the machine sees the arguments of a process.
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [launcher, 'license', 'activate', '--print', '-'],
    { cwd: tree.root, env, input: key, encoding: 'utf8' },
  );
  if (error) throw error;
  const said = stderr.trim();
  if (status !== 0) throw new Error(printableLine(spoken(said)));
  tree.write(file, stdout);
  for (const line of [...said.split('\n'), ...advice]) log(printable(line));
}

/**
 * What the binary says, to somebody who has not used stdin.
 *
 * @param {string} text
 */
const spoken = (text) =>
  text
    .replace(/^nx-azure-cache: /, '')
    .replace('the licence in stdin', 'this licence');

module.exports = { activateGenerator };
