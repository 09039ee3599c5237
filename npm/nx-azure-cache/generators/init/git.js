'use strict';

const { spawnSync } = require('node:child_process');
const { readEnvironment } = require('../../lib/environment');

/**
 * What git prints, without the line break at its end; '' if it fails.
 *
 * @param {string} root of the workspace
 * @param {string[]} args
 */
function git(root, args) {
  const { status, stdout } = spawnSync('git', args, {
    ...{ cwd: root, encoding: 'utf8', timeout: 10_000, windowsHide: true },
    env: readEnvironment(root).variables, // without .env files, which may set what git runs
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.trim() : '';
}

module.exports = { git };
