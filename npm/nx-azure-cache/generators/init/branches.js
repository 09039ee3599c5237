'use strict';

const { spawnSync } = require('node:child_process');
const { readEnvironment } = require('../../lib/environment');
const { defaultBase } = require('../../lib/workspace');

/** @import { NxJson } from '../../lib/workspace' */

/**
 * The main branch of the workspace: nx.json's `defaultBase`, or the default branch of
 * origin. If both are unknown, returns undefined, and the cache trusts main and master.
 *
 * @param {string} root
 * @param {NxJson} nxJson
 * @returns {string | undefined}
 */
function trustedBranch(root, nxJson) {
  const name = defaultBase(nxJson) || defaultBranch(root);
  return name?.replace(/^(refs\/heads|origin)\//, '');
}

/** @param {string} root */
function defaultBranch(root) {
  const { status, stdout } = spawnSync(
    'git',
    ['symbolic-ref', '--short', 'refs/remotes/origin/HEAD'],
    {
      ...{ cwd: root, encoding: 'utf8', timeout: 10_000, windowsHide: true },
      env: readEnvironment(root).variables, // without .env files, which may set what git runs
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  return status === 0 ? stdout.trim() : undefined;
}

module.exports = { trustedBranch };
