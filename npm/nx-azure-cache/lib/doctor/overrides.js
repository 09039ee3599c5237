'use strict';

// What keeps Nx from asking any package for a remote cache, or sends it elsewhere.

const { rowsOf } = require('./rows');

/** @import { Row } from './rows' */
/** @import { NxJson, Workspace } from './resolution' */

const { ok, warning, failed } = rowsOf('package');

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function examineSwitches(workspace) {
  return [
    ...cloudRows(workspace),
    ...switchRows(workspace),
    ...legacyRows(workspace),
    ...runnerRows(workspace),
    ...httpRows(workspace),
  ];
}

/**
 * Nx Cloud comes before all packages (nx/src/utils/nx-cloud-utils).
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function cloudRows({ nxJson, env }) {
  const id = 'nx-cloud';
  const check = 'Nx Cloud';
  const by = cloudReasons(nxJson, env);
  const off =
    env.NX_NO_CLOUD === 'true'
      ? 'NX_NO_CLOUD is true'
      : nxJson.neverConnectToCloud
        ? 'neverConnectToCloud in nx.json'
        : '';
  if (by.length === 0) return [ok(id, check, 'not connected')];
  if (off) return [ok(id, check, `switched off (${off})`)];
  return [
    failed(
      id,
      check,
      `connected, by ${by.join(', ')}: Nx uses its cache, and asks for no package`,
      'remove that, or set "neverConnectToCloud": true in nx.json, or NX_NO_CLOUD=true',
    ),
  ];
}

/**
 * @param {NxJson} nxJson
 * @param {NodeJS.ProcessEnv} env
 */
function cloudReasons(nxJson, env) {
  const reasons = ['NX_CLOUD_ACCESS_TOKEN', 'NX_CLOUD_AUTH_TOKEN'].filter(
    (name) => env[name],
  );
  for (const key of /** @type {const} */ ([
    'nxCloudId',
    'nxCloudAccessToken',
  ])) {
    if (nxJson[key]) reasons.push(`${key} in nx.json`);
  }
  if (runners(nxJson).some(({ runner }) => isCloudRunner(runner))) {
    reasons.push('a runner in tasksRunnerOptions of nx.json');
  }
  return reasons;
}

/** @param {NxJson} nxJson */
function runners({ tasksRunnerOptions }) {
  return Object.entries(tasksRunnerOptions ?? {}).map(([name, options]) => ({
    name,
    runner: options?.runner,
  }));
}

/** @param {unknown} runner */
function isCloudRunner(runner) {
  return runner === 'nx-cloud' || runner === '@nrwl/nx-cloud';
}

/** What each of these variables does when it is `true`. */
const switches = new Map([
  ['NX_SKIP_REMOTE_CACHE', 'Nx asks no remote cache'],
  ['NX_DISABLE_REMOTE_CACHE', 'Nx asks no remote cache'],
  ['NX_SKIP_NX_CACHE', 'Nx uses no cache at all'],
  ['NX_DISABLE_NX_CACHE', 'Nx uses no cache at all'],
]);

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function switchRows({ nx, nxJson, env }) {
  const id = 'switches';
  const check = 'switches of Nx';
  const source = nx.source(
    'utils/command-line-utils',
    'tasks-runner/run-command',
  );
  const known = [...switches].filter(([name]) => source.includes(name));
  const rows = known
    .filter(([name]) => env[name] === 'true')
    .map(([name, effect]) =>
      failed(id, check, `${name} is true: ${effect}`, `unset ${name}`),
    );
  const options = nxJson.tasksRunnerOptions?.default?.options ?? {};
  for (const key of ['skipRemoteCache', 'skipNxCache']) {
    if (options[key] !== true) continue;
    const where = `tasksRunnerOptions.default.options.${key}`;
    const seen = `${where} is true in nx.json`;
    rows.push(failed(id, check, seen, `remove ${where} from nx.json`));
  }
  if (rows.length > 0) return rows;
  return [ok(id, check, 'none stops the cache')];
}

/**
 * Until Nx 20 there was a cache of files, too, which asks no package.
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function legacyRows({ nx, nxJson, env }) {
  if (!nx.source('tasks-runner/cache').includes('useLegacyCache')) return [];
  const by = [
    nxJson.useLegacyCache ? 'useLegacyCache in nx.json' : '',
    env.NX_DISABLE_DB === 'true' ? 'NX_DISABLE_DB=true' : '',
    env.NX_DB_CACHE === 'false' ? 'NX_DB_CACHE=false' : '',
  ].filter(Boolean);
  if (by.length === 0) return [];
  return [
    failed(
      'legacy-cache',
      'the old cache of Nx 20',
      `in use, by ${by.join(', ')}: it asks for no package`,
      `remove ${by.join(', ')}`,
    ),
  ];
}

/**
 * Custom runners do nothing since Nx 21.
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function runnerRows({ nx, nxJson }) {
  const major = Number.parseInt(nx.version, 10);
  return runners(nxJson)
    .filter(({ runner }) => typeof runner === 'string' && isCustom(runner))
    .map(({ name, runner }) =>
      warning(
        'runner',
        'custom runners',
        `${runner} in tasksRunnerOptions.${name} of nx.json ` +
          (major >= 21
            ? `is not loaded by Nx ${nx.version}`
            : 'runs the tasks, and may bring a cache of its own'),
        `remove tasksRunnerOptions.${name} from nx.json`,
      ),
    );
}

/** @param {unknown} runner */
function isCustom(runner) {
  const own = ['nx/tasks-runners/default', 'nx/src/tasks-runner/default'];
  return !isCloudRunner(runner) && !own.includes(String(runner));
}

/**
 * Nx's own client comes after all packages.
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function httpRows({ nx, env }) {
  const variable = 'NX_SELF_HOSTED_REMOTE_CACHE_SERVER';
  if (!env[variable]) return [];
  if (!nx.source('tasks-runner/cache').includes(variable)) return [];
  const seen = `${variable} is set: Nx asks that server wherever this package has no cache to offer`;
  const fix = `unset ${variable}, unless it is meant to take over`;
  return [warning('http-cache', "Nx's own HTTP cache", seen, fix)];
}

exports.examineSwitches = examineSwitches;
exports.isCloudRunner = isCloudRunner;
