'use strict';

// The settings that make Nx skip its remote cache, or use another one.

const {
  cloudDisabledBy,
  cloudSettings,
  customRunners,
  disablingVariables,
  httpServerVariable,
  legacyCacheSettings,
} = require('../other-caches');
const { rowsOf } = require('./rows');

/** @import { Row } from './rows' */
/** @import { Workspace } from './resolution' */

const { ok, warning, failed } = rowsOf('package');

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function examineOverrides(workspace) {
  return [
    cloudRow(workspace),
    ...disablingRows(workspace),
    ...legacyRows(workspace),
    ...runnerRows(workspace),
    ...httpRows(workspace),
  ];
}

/**
 * @param {Workspace} workspace
 * @returns {Row}
 */
function cloudRow({ nxJson, env }) {
  const id = 'nx-cloud';
  const check = 'Nx Cloud';
  const settings = cloudSettings(nxJson, env);
  const disabledBy = cloudDisabledBy(nxJson, env);
  if (settings.length === 0) return ok(id, check, 'not connected');
  if (disabledBy) return ok(id, check, `disabled by ${disabledBy}`);
  return failed(
    id,
    check,
    `connected by ${settings.join(', ')}: Nx uses the cache of Nx Cloud and no other`,
    'remove that, or set "neverConnectToCloud": true in nx.json, or NX_NO_CLOUD=true',
  );
}

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function disablingRows({ nx, nxJson, env }) {
  const id = 'switches';
  const check = 'settings of Nx';
  const source = nx.source(
    'utils/command-line-utils',
    'tasks-runner/run-command',
  );
  const rows = [...disablingVariables]
    .filter(([name]) => source.includes(name) && env[name] === 'true')
    .map(([name, effect]) =>
      failed(id, check, `${name}=true: ${effect}`, `unset ${name}`),
    );
  const options = nxJson.tasksRunnerOptions?.default?.options ?? {};
  for (const key of ['skipRemoteCache', 'skipNxCache']) {
    if (options[key] !== true) continue;
    const where = `tasksRunnerOptions.default.options.${key}`;
    const seen = `${where} is true in nx.json`;
    rows.push(failed(id, check, seen, `remove ${where} from nx.json`));
  }
  if (rows.length > 0) return rows;
  return [ok(id, check, 'none turns the cache off')];
}

/**
 * Until Nx 20 there was also a file cache, which uses no remote cache.
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function legacyRows({ nx, nxJson, env }) {
  if (!nx.source('tasks-runner/cache').includes('useLegacyCache')) return [];
  const settings = legacyCacheSettings(nxJson, env).join(', ');
  if (settings === '') return [];
  return [
    failed(
      'legacy-cache',
      "Nx 20's old cache",
      `in use because of ${settings}: it supports no remote cache`,
      `remove ${settings}`,
    ),
  ];
}

/**
 * Nx 21 and later ignore custom task runners.
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function runnerRows({ nx, nxJson }) {
  const major = Number.parseInt(nx.version, 10);
  return customRunners(nxJson).map(({ name, runner }) =>
    warning(
      'runner',
      'custom task runners',
      `${runner} in tasksRunnerOptions.${name} of nx.json ` +
        (major >= 21
          ? `is ignored by Nx ${nx.version}`
          : 'runs the tasks, and may use a cache of its own'),
      `remove tasksRunnerOptions.${name} from nx.json`,
    ),
  );
}

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function httpRows({ nx, env }) {
  if (!env[httpServerVariable]) return [];
  if (!nx.source('tasks-runner/cache').includes(httpServerVariable)) return [];
  const seen = `${httpServerVariable} is set: Nx uses that server whenever this cache is off`;
  const fix = `unset ${httpServerVariable}, unless you want that fallback`;
  return [warning('http-cache', "Nx's own HTTP cache", seen, fix)];
}

exports.examineOverrides = examineOverrides;
