'use strict';

const { defaultBase } = require('../../lib/workspace');
const { git } = require('./git');

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
  const head = ['symbolic-ref', '--short', 'refs/remotes/origin/HEAD'];
  const name = defaultBase(nxJson) || git(root, head);
  return name ? name.replace(/^(refs\/heads|origin)\//, '') : undefined;
}

module.exports = { trustedBranch };
