'use strict';

// The settings of nx-remotecache-azure (MIT, github.com/NiklasPor/nx-remotecache-azure,
// 20.0.0): options of a runner in nx.json, which variables beat.

const json = require('./nx-json');
const { RUNNER } = require('./old-packages');
const { problem } = require('./settings');
const { CONNECTION, SAS, containerOf } = require('./sign-in');

/** @typedef {import('./settings').Block} Block */
/** @typedef {import('./settings').Key} Key */

/** Its options; the others of a runner are Nx's. */
const OPTIONS = [
  ...['connectionString', 'sasUrl', 'accountName', 'accountKey'],
  ...['container', 'azureUrl', 'adAuth', 'read', 'write'],
  ...['name', 'verbose', 'silent', 'dotenv', 'dotenvPath'],
];

/** What its variables begin with; the second until version 3. */
const PREFIXES = ['NXCACHE_AZURE_', 'NX_CACHE_AZURE_'];

/** What to do about each of its variables. */
const VARIABLES = {
  CONNECTION_STRING: `call it ${CONNECTION}`,
  SAS_URL: `call it ${SAS}`,
  ACCOUNT_KEY: `put the key into a connection string, ${CONNECTION}`,
  ACCOUNT_NAME: 'azure.accountName in nx.json takes its place',
  CONTAINER: 'azure.container in nx.json takes its place',
  URL: 'azure.endpoint in nx.json takes its place',
  AD_AUTH: 'it is not needed any more',
};

/** All its variables, with that advice. */
const ADVICE = [
  ...PREFIXES.flatMap((prefix) =>
    Object.entries(VARIABLES).map(([name, advice]) => [prefix + name, advice]),
  ),
  ...['NXCACHE_READ', 'NXCACHE_WRITE'].map((name) => [
    name,
    'where it is false NX_POWERPACK_CACHE_MODE takes its place: read-only, or no-cache',
  ]),
];

/** Files in which the variables of a workspace are set. */
const FILES = [
  ...['.env', '.env.local', '.local.env', '.nx.env'],
  ...['.gitlab-ci.yml', 'azure-pipelines.yml', 'Jenkinsfile'],
];

/**
 * @typedef {object} Migration
 * @property {Block} block what is known of the azure block
 * @property {string} nxJson the text without the runner
 * @property {string[]} lines what was done, and what is left to do
 */

/**
 * What becomes of the runner.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {string} text of nx.json
 * @param {json.NxJson} whole with what it extends
 * @param {NodeJS.ProcessEnv} env
 * @returns {Migration}
 */
function migrateRunner(tree, text, whole, env) {
  const runners = runnersOf(json.parse(text));
  const options = Object.assign(
    {},
    ...runners.map(([, entry]) => entry.options).reverse(),
  );
  const { block, lines } = translate(options, env);
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
    const list = gone.length > 0 ? `, and none of ${gone.join(', ')}` : '';
    lines.unshift(
      `nx.json: tasksRunnerOptions.${name} has no runner ${RUNNER} any more${list}.`,
    );
  }
  if (runners.length === 0 && runnersOf(whole).length > 0) {
    lines.push(
      `The file that nx.json extends has the runner ${RUNNER} in tasksRunnerOptions: remove it there.`,
    );
  }
  lines.push(...renamed(tree, env));
  return { block, nxJson, lines };
}

/** @param {json.NxJson} nxJson */
function runnersOf({ tasksRunnerOptions = {} }) {
  return Object.entries(tasksRunnerOptions).filter(
    ([, entry]) => entry?.runner === RUNNER,
  );
}

/**
 * The azure block for settings of the runner. What is secret in them is not
 * passed on.
 *
 * @param {Record<string, unknown>} options
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ block: Block, lines: string[] }}
 */
function translate(options, env) {
  /** @type {(option: string, name: string) => string | undefined} */
  const value = (option, name) =>
    [...PREFIXES.map((prefix) => env[prefix + name]), options[option]]
      .filter((text) => typeof text === 'string')
      .find((text) => text.trim());
  const sasUrl = value('sasUrl', 'SAS_URL');
  const url = value('azureUrl', 'URL')?.replace(/\/+$/, '');
  const accountName = value('accountName', 'ACCOUNT_NAME');
  const { lines: modeLines, ...mode } = modes(options, env);
  /** @type {Partial<Record<Key, string | undefined>>} */
  const found = {
    container: containerOf(sasUrl) ?? value('container', 'CONTAINER'),
    accountName,
    endpoint:
      url === `https://${accountName}.blob.core.windows.net` ? undefined : url,
    ...mode,
  };
  const isAccount = accountName && !problem('accountName', accountName);
  /** @type {Block} */
  const block = {};
  const lines = secrets(options, isAccount ? accountName : 'ACCOUNT');
  lines.push(...modeLines);
  for (const [name, text] of Object.entries(found)) {
    const key = /** @type {Key} */ (name);
    const wrong = text && problem(key, text);
    if (wrong) lines.push(`nx.json: azure.${key} is not set: ${wrong}.`);
    else if (text) block[key] = text;
  }
  return { block, lines };
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
      : ['nx.json: there is no mode that only writes; it is read-write.'];
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
function secrets({ connectionString, sasUrl, accountKey }, accountName) {
  const git = 'It is in the history of nx.json: make a new one.';
  const lines = [];
  if (connectionString) {
    lines.push(
      `nx.json: the connection string is not kept; set ${CONNECTION} to it. ${git}`,
    );
  }
  if (sasUrl) {
    lines.push(`nx.json: the SAS URL is not kept; set ${SAS} to it. ${git}`);
  }
  if (accountKey) {
    lines.push(
      `nx.json: the account key is not kept; set ${CONNECTION} to DefaultEndpointsProtocol=https;AccountName=${accountName};AccountKey=KEY;EndpointSuffix=core.windows.net. ${git}`,
    );
  }
  return lines;
}

/**
 * What to do about variables of the runner, which are set here or in a file.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function renamed(tree, env) {
  const workflows = '.github/workflows';
  const files = tree.exists(workflows)
    ? tree.children(workflows).map((name) => `${workflows}/${name}`)
    : [];
  const texts = [...FILES, ...files]
    .filter((file) => tree.isFile(file))
    .map((file) => ({ file, text: tree.read(file, 'utf8') ?? '' }));
  return ADVICE.flatMap(([variable, advice]) => {
    const places = texts
      .filter(({ text }) => RegExp(`\\b${variable}\\b`).test(text))
      .map(({ file }) => file);
    if (env[variable]) places.unshift('this environment');
    return places.length > 0
      ? [`${places.join(', ')}: ${variable} is read no more; ${advice}.`]
      : [];
  });
}

module.exports = { migrateRunner };
