'use strict';

// What else Nx may use as its remote cache, in the order in which it asks
// (DbCache of nx/src/tasks-runner/cache, Nx 20.0.6 to 24.0.6). Named, not removed.

const { isCloudRunner } = require('../../lib/doctor/overrides');
const { others } = require('./old-packages');

/** @import { NxJson } from './nx-json' */

/**
 * A line for each other remote cache of the workspace, or what turns off all.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {NxJson} nxJson with what it extends
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function warnings(tree, nxJson, env) {
  const off = ['NX_SKIP_REMOTE_CACHE', 'NX_DISABLE_REMOTE_CACHE'].filter(
    (name) => env[name] === 'true',
  );
  const server = 'NX_SELF_HOSTED_REMOTE_CACHE_SERVER';
  return [
    ...off.map(
      (name) => `${name} is set here: Nx asks no remote cache at all.`,
    ),
    ...cloud(nxJson, env).map(
      (place) =>
        `Nx asks Nx Cloud first (${place}): remove that, or set "neverConnectToCloud": true in nx.json.`,
    ),
    ...others(tree).map(
      (name) =>
        `Nx asks ${name} first (package.json): remove it if this cache is to be used.`,
    ),
    ...(env[server]
      ? [
          `Nx asks the server of ${server} where this cache is off: unset it if that is not meant.`,
        ]
      : []),
  ];
}

/**
 * What connects the workspace to Nx Cloud, as Nx's isNxCloudUsed sees it.
 *
 * @param {NxJson} nxJson
 * @param {NodeJS.ProcessEnv} env
 */
function cloud(nxJson, env) {
  if (nxJson.neverConnectToCloud || env.NX_NO_CLOUD === 'true') return [];
  const runners = Object.entries(nxJson.tasksRunnerOptions ?? {});
  const places = [
    nxJson.nxCloudId && 'nxCloudId in nx.json',
    nxJson.nxCloudAccessToken && 'nxCloudAccessToken in nx.json',
    env.NX_CLOUD_ACCESS_TOKEN && 'NX_CLOUD_ACCESS_TOKEN',
    env.NX_CLOUD_AUTH_TOKEN && 'NX_CLOUD_AUTH_TOKEN',
    ...runners
      .filter(([, entry]) => isCloudRunner(entry?.runner))
      .map(([name]) => `tasksRunnerOptions.${name} in nx.json`),
  ];
  return places.filter((place) => typeof place === 'string').slice(0, 1);
}

module.exports = { warnings };
