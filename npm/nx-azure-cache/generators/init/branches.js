'use strict';

const { spawnSync } = require('node:child_process');

/**
 * The branch that the workspace is built from: nx.json's `defaultBase`, or else
 * the default branch of origin, as git knows it. Undefined where neither is known;
 * then the cache trusts main and master.
 *
 * @param {string} root
 * @param {{ defaultBase?: unknown, affected?: { defaultBase?: unknown } }} nxJson
 * @returns {string | undefined}
 */
function trustedBranch(root, { defaultBase, affected }) {
  const base = defaultBase ?? affected?.defaultBase;
  const name =
    typeof base === 'string' && base !== '' ? base : defaultBranch(root);
  return name?.replace(/^(refs\/heads|origin)\//, '');
}

/** @param {string} root */
function defaultBranch(root) {
  const { status, stdout } = spawnSync(
    'git',
    ['symbolic-ref', '--short', 'refs/remotes/origin/HEAD'],
    {
      ...{ cwd: root, encoding: 'utf8', timeout: 10_000, windowsHide: true },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  return status === 0 ? stdout.trim() : undefined;
}

module.exports = { trustedBranch };
