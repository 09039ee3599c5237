'use strict';

// Other remote caches that Nx may use, and settings that turn all of them off. `init`
// reports them and does not change them.

const {
  cloudDisabledBy,
  cloudSettings,
  disablingVariables,
  httpServerVariable,
} = require('../../lib/other-caches');
const { otherCachePackages } = require('./old-packages');

/** @import { NxJson } from './nx-json' */

/**
 * A line for each of them, in the order in which Nx tries them.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {NxJson} nxJson including what it extends
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function conflicts(tree, nxJson, env) {
  const lines = [...disablingVariables]
    .filter(([name]) => env[name] === 'true')
    .map(([name, effect]) => `${name} is set here: ${effect}.`);
  const cloud = cloudSettings(nxJson, env).join(', ');
  if (cloud && !cloudDisabledBy(nxJson, env)) {
    lines.push(
      `Nx uses Nx Cloud and not this cache (${cloud}): remove that, or set "neverConnectToCloud": true in nx.json.`,
    );
  }
  for (const name of otherCachePackages(tree)) {
    lines.push(
      `Nx tries ${name} first (package.json): remove it to use this cache.`,
    );
  }
  if (env[httpServerVariable]) {
    lines.push(
      `Nx uses the server of ${httpServerVariable} whenever this cache is off: unset it if you do not want that.`,
    );
  }
  return lines;
}

module.exports = { conflicts };
