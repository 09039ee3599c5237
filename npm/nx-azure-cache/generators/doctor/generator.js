'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { readEnvironment } = require('../../lib/environment');

const launcher = path.join(__dirname, '..', '..', 'bin', 'nx-azure-cache.js');

/**
 * Runs `nx-azure-cache doctor` in the workspace, which changes nothing there.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {import('./schema').DoctorGeneratorSchema} [options]
 */
function doctorGenerator(tree, { security = false } = {}) {
  const flags = security ? ['--security'] : [];
  const { variables: env } = readEnvironment(tree.root);
  const { status, signal, error } = spawnSync(
    process.execPath,
    [launcher, 'doctor', ...flags],
    { cwd: tree.root, env, stdio: 'inherit' },
  );
  if (error) throw error;
  if (signal) process.kill(process.pid, signal);
  // If this threw, Nx would add an error of its own. If it returned, Nx would exit with 0.
  if (status !== 0) process.exit(status ?? 1);
}

module.exports = { doctorGenerator };
