'use strict';

// Takes over the settings of nx-remotecache-azure 20.0.0 (MIT,
// github.com/NiklasPor/nx-remotecache-azure). They are options of a task runner in nx.json,
// which environment variables override.

const json = require('./nx-json');
const { oldRunner } = require('../../lib/other-caches');
const { CONNECTION, SAS } = require('./credential');
const { variableFiles } = require('./variable-files');

/** @import { Checker } from './config-check' */
/** @import { Block } from './settings' */

/** The runner's own options. All others belong to Nx. */
const OPTIONS = [
  ...['connectionString', 'sasUrl', 'accountName', 'accountKey'],
  ...['container', 'azureUrl', 'adAuth', 'read', 'write'],
  ...['name', 'verbose', 'silent', 'dotenv', 'dotenvPath'],
];

/** The prefixes of its variables. Version 3 and earlier used the second. */
const PREFIXES = ['NXCACHE_AZURE_', 'NX_CACHE_AZURE_'];

/** What to do about each of its variables, without the prefix. */
const VARIABLES = {
  CONNECTION_STRING: `rename it to ${CONNECTION}`,
  SAS_URL: `rename it to ${SAS}`,
  ACCOUNT_KEY: `put the key into a connection string in ${CONNECTION}`,
  ACCOUNT_NAME: 'use azure.accountName in nx.json',
  CONTAINER: 'use azure.container in nx.json',
  URL: 'use azure.endpoint in nx.json',
  AD_AUTH: 'remove it',
};

/** All its variables, with the fix for each. */
const FIXES = [
  ...PREFIXES.flatMap((prefix) =>
    Object.entries(VARIABLES).map(([name, fix]) => [prefix + name, fix]),
  ),
  ...['NXCACHE_READ', 'NXCACHE_WRITE'].map((name) => [
    name,
    'if it is false, set NX_POWERPACK_CACHE_MODE to read-only or no-cache',
  ]),
];

/**
 * @typedef {object} Migration
 * @property {Block} block the values for the azure block
 * @property {string} nxJson nx.json without the runner
 * @property {string[]} lines what changed, and what is left to do
 */

/**
 * Moves the runner's settings to the azure block.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {string} text of nx.json
 * @param {json.NxJson} whole nx.json including what it extends
 * @param {NodeJS.ProcessEnv} env
 * @param {Checker} checker
 * @returns {Migration}
 */
function migrateRunner(tree, text, whole, env, checker) {
  const runners = runnersOf(json.parse(text));
  const options = Object.assign(
    {},
    ...runners.map(([, entry]) => entry.options).reverse(),
  );
  const { block, lines } = translate(options, env, checker);
  let nxJson = text;
  for (const [name, { options: its = {} }] of runners) {
    const gone = Object.keys(its).filter((key) => OPTIONS.includes(key));
    const isAll = gone.length === Object.keys(its).length;
    const paths = isAll
      ? [['options']]
      : gone.map((option) => ['options', option]);
    for (const path of [...paths, ['runner']]) {
      nxJson = json.remove(nxJson, ['tasksRunnerOptions', name, ...path]);
    }
    const list = gone.length > 0 ? `, and its options ${gone.join(', ')}` : '';
    lines.unshift(
      `nx.json: removed the runner ${oldRunner} from tasksRunnerOptions.${name}${list}.`,
    );
  }
  if (runners.length === 0 && runnersOf(whole).length > 0) {
    lines.push(
      `The file that nx.json extends has the runner ${oldRunner} in tasksRunnerOptions: remove it there.`,
    );
  }
  lines.push(...variableLines(tree, env));
  return { block, nxJson, lines };
}

/** @param {json.NxJson} nxJson */
function runnersOf({ tasksRunnerOptions = {} }) {
  return Object.entries(tasksRunnerOptions).filter(
    ([, entry]) => entry?.runner === oldRunner,
  );
}

/**
 * The azure block for the runner's settings. Secrets are not copied.
 *
 * @param {Record<string, unknown>} options
 * @param {NodeJS.ProcessEnv} env
 * @param {Checker} checker
 * @returns {{ block: Block, lines: string[] }}
 */
function translate(options, env, checker) {
  /** @type {(option: string, name: string) => string | undefined} */
  const value = (option, name) =>
    [...PREFIXES.map((prefix) => env[prefix + name]), options[option]]
      .filter((text) => typeof text === 'string')
      .find((text) => text.trim());
  const url = value('azureUrl', 'URL')?.replace(/\/+$/, '');
  const accountName = value('accountName', 'ACCOUNT_NAME');
  const { lines: modeLines, ...mode } = modes(options, env);
  /** @type {Record<string, string | undefined>} */
  const found = {
    container:
      containerOf(value('sasUrl', 'SAS_URL'), checker) ||
      value('container', 'CONTAINER'),
    accountName,
    endpoint:
      url === `https://${accountName}.blob.core.windows.net` ? undefined : url,
    ...mode,
  };
  const given = Object.entries(found).filter(([, text]) => text);
  const problems = checker.problemsWith(Object.fromEntries(given));
  const block = Object.fromEntries(
    given.filter(
      ([name]) => !problems.some(({ key }) => key === `azure.${name}`),
    ),
  );
  const lines = [
    ...secretLines(options, block.accountName ?? 'ACCOUNT'),
    ...modeLines,
    ...problems.map(({ message }) => `not taken over: ${message}.`),
  ];
  return { block, lines };
}

/**
 * The container that a SAS URL is for; '' if it is for the whole account.
 *
 * @param {string | undefined} sasUrl
 * @param {Checker} checker
 */
function containerOf(sasUrl, checker) {
  if (!sasUrl) return '';
  const variables = { [SAS]: sasUrl, NX_AZURE_CACHE_CREDENTIAL: 'sas' };
  return checker.check({}, variables)?.container ?? '';
}

/**
 * @param {Record<string, unknown>} options
 * @param {NodeJS.ProcessEnv} env
 */
function modes(options, env) {
  const may = (/** @type {'read' | 'write'} */ what) => {
    const variable = env[`NXCACHE_${what.toUpperCase()}`];
    return variable ? variable !== 'false' : options[what] !== false;
  };
  if (may('write')) {
    const lines = may('read')
      ? []
      : ['nx.json: there is no write-only mode; the mode is read-write.'];
    return { lines };
  }
  const mode = may('read') ? 'read-only' : 'no-cache';
  return { lines: [], localMode: mode, ciMode: mode };
}

/**
 * What to do about secrets in nx.json.
 *
 * @param {Record<string, unknown>} options
 * @param {string} accountName
 * @returns {string[]}
 */
function secretLines({ connectionString, sasUrl, accountKey }, accountName) {
  const git = 'The history of nx.json still has it: rotate it.';
  const lines = [];
  if (connectionString) {
    lines.push(
      `nx.json: removed the connection string; set ${CONNECTION} to it. ${git}`,
    );
  }
  if (sasUrl) {
    lines.push(`nx.json: removed the SAS URL; set ${SAS} to it. ${git}`);
  }
  if (accountKey) {
    lines.push(
      `nx.json: removed the account key; set ${CONNECTION} to DefaultEndpointsProtocol=https;AccountName=${accountName};AccountKey=KEY;EndpointSuffix=core.windows.net. ${git}`,
    );
  }
  return lines;
}

/**
 * What to do about the runner's variables that are set here or in a file.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function variableLines(tree, env) {
  const contents = variableFiles(tree);
  return FIXES.flatMap(([variable, fix]) => {
    const places = contents
      .filter(({ text }) => RegExp(`\\b${variable}\\b`).test(text))
      .map(({ file }) => file);
    if (env[variable]) places.unshift('this environment');
    return places.length > 0
      ? [`${places.join(', ')}: ${variable} is no longer read; ${fix}.`]
      : [];
  });
}

module.exports = { migrateRunner };
