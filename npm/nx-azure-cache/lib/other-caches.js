'use strict';

// What this package knows of Nx Cloud, of other remote caches, and of the settings that
// turn remote caches off. `doctor` and the generator `init` report it.
//
// Nx 20.0.6 to 24.0.6 tries Nx Cloud first, then the packages in `packageNames`, then
// its own HTTP client. See nx/src/utils/nx-cloud-utils and nx/src/tasks-runner/cache.

/**
 * The parts of nx.json that select a cache.
 *
 * @typedef {object} CacheSettings
 * @property {unknown} [neverConnectToCloud]
 * @property {unknown} [nxCloudAccessToken]
 * @property {unknown} [nxCloudId]
 * @property {unknown} [useLegacyCache]
 * @property {Record<string, { runner?: unknown, options?: Record<string, unknown> }>} [tasksRunnerOptions]
 */

/** The name of this package on npm. */
const ownName = 'nx-azure-cache';

/** The name under which every Nx since 20.0 looks for this package. */
const aliasName = '@nx/powerpack-azure-cache';

/** The packages that Nx 24 tries, in its order. Nx 20.0 to 20.6 tries only those with `powerpack-`. */
const packageNames = ['s3', 'shared-fs', 'gcs', 'azure'].flatMap((kind) => [
  `@nx/${kind}-cache`,
  `@nx/powerpack-${kind}-cache`,
]);

/** The packages for other storage, which Nx tries before this one. */
const otherStorageNames = packageNames.filter(
  (name) => !name.endsWith('azure-cache'),
);

/** The packages that this one replaces. The second shares its name with our alias. */
const replacedNames = ['@nx/azure-cache', aliasName];

/** The packages that the replaced ones needed for their license. */
const licensePackages = ['@nx/key', '@nx/powerpack-license'];

/** A task runner for the same storage. Nx 21 and later do not load task runners. */
const oldRunner = 'nx-remotecache-azure';

/** The variable that turns on Nx's own HTTP client. */
const httpServerVariable = 'NX_SELF_HOSTED_REMOTE_CACHE_SERVER';

/** What each of these variables does when it is `true`. */
const disablingVariables = new Map([
  ['NX_SKIP_REMOTE_CACHE', 'Nx uses no remote cache'],
  ['NX_DISABLE_REMOTE_CACHE', 'Nx uses no remote cache'],
  ['NX_SKIP_NX_CACHE', 'Nx uses no cache at all'],
  ['NX_DISABLE_NX_CACHE', 'Nx uses no cache at all'],
]);

/**
 * The settings that connect a workspace to Nx Cloud.
 *
 * @param {CacheSettings} nxJson including what it extends
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function cloudSettings(nxJson, env) {
  const variables = ['NX_CLOUD_ACCESS_TOKEN', 'NX_CLOUD_AUTH_TOKEN'];
  const keys = /** @type {const} */ (['nxCloudId', 'nxCloudAccessToken']);
  return [
    ...variables.filter((name) => env[name]),
    ...keys.filter((key) => nxJson[key]).map((key) => `${key} in nx.json`),
    ...runnersOf(nxJson)
      .filter(({ runner }) => isCloudRunner(runner))
      .map(({ name }) => `tasksRunnerOptions.${name} in nx.json`),
  ];
}

/**
 * The setting that keeps Nx from using Nx Cloud, if there is one.
 *
 * @param {CacheSettings} nxJson
 * @param {NodeJS.ProcessEnv} env
 */
function cloudDisabledBy({ neverConnectToCloud }, { NX_NO_CLOUD }) {
  if (NX_NO_CLOUD === 'true') return 'NX_NO_CLOUD=true';
  return neverConnectToCloud ? 'neverConnectToCloud in nx.json' : undefined;
}

/** @param {CacheSettings} nxJson */
function runnersOf({ tasksRunnerOptions }) {
  return Object.entries(tasksRunnerOptions ?? {}).map(([name, options]) => ({
    name,
    runner: options?.runner,
  }));
}

/** @param {unknown} runner */
function isCloudRunner(runner) {
  return runner === 'nx-cloud' || runner === '@nrwl/nx-cloud';
}

/**
 * The task runners that are neither Nx's own nor Nx Cloud's.
 *
 * @param {CacheSettings} nxJson
 */
function customRunners(nxJson) {
  const ofNx = ['nx/tasks-runners/default', 'nx/src/tasks-runner/default'];
  return runnersOf(nxJson).filter(
    ({ runner }) =>
      typeof runner === 'string' &&
      !isCloudRunner(runner) &&
      !ofNx.includes(runner),
  );
}

/**
 * The settings that make Nx 20 use its old file cache, which uses no remote cache.
 *
 * @param {CacheSettings} nxJson
 * @param {NodeJS.ProcessEnv} env
 */
function legacyCacheSettings({ useLegacyCache }, env) {
  return [
    useLegacyCache ? 'useLegacyCache in nx.json' : '',
    env.NX_DISABLE_DB === 'true' ? 'NX_DISABLE_DB=true' : '',
    env.NX_DB_CACHE === 'false' ? 'NX_DB_CACHE=false' : '',
  ].filter(Boolean);
}

module.exports = {
  ...{ aliasName, ownName, packageNames, otherStorageNames, replacedNames },
  ...{ disablingVariables, httpServerVariable, licensePackages, oldRunner },
  ...{ cloudDisabledBy, cloudSettings, customRunners, legacyCacheSettings },
};
