'use strict';

// Who will sign in, as cmd/nx-azure-cache/credential.go decides it.

/** @typedef {import('./settings').Block} Block */
/** @typedef {import('./settings').Key} Key */

const CONNECTION = 'AZURE_STORAGE_CONNECTION_STRING';
const SAS = 'NX_AZURE_CACHE_SAS_URL';
const CREDENTIAL = 'NX_AZURE_CACHE_CREDENTIAL';

/** The secrets of a storage account. */
const SECRETS = new Map([
  ['connection-string', { name: 'connection string', variable: CONNECTION }],
  ['sas', { name: 'SAS URL', variable: SAS }],
]);

/**
 * The sign-in that is named, or the secret that is set; undefined: the first
 * sign-in with Entra ID that is set up.
 *
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
function chosen({ credential }, env) {
  const named = env[CREDENTIAL]?.trim() || credential;
  if (typeof named === 'string' && named.trim()) return named.trim();
  if (env[CONNECTION]?.trim()) return 'connection-string';
  if (env[SAS]?.trim()) return 'sas';
  return undefined;
}

/**
 * What the cache cannot do without and the block does not say. A secret of the
 * account says which account it is.
 *
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @returns {Key[]}
 */
function missingKeys(block, env) {
  const source = chosen(block, env);
  /** @type {Key[]} */
  const missing = [];
  if (!block.container && !(source === 'sas' && containerOf(env[SAS]))) {
    missing.push('container');
  }
  if (!block.accountName && !block.endpoint && !SECRETS.has(source ?? '')) {
    missing.push('accountName');
  }
  return missing;
}

/**
 * The container that a SAS URL is for, if it is not for the whole account.
 *
 * @param {string} [url]
 * @returns {string | undefined}
 */
function containerOf(url) {
  const text = url?.trim() ?? '';
  if (!URL.canParse(text)) return undefined;
  const { hostname, pathname } = new URL(text);
  const names = pathname.split('/').filter(Boolean);
  // The emulator has the account in the path.
  const isAddress = /^\[|^[\d.]+$|^localhost$/.test(hostname);
  return names[isAddress ? 1 : 0];
}

/**
 * Which sign-in will be used, for people.
 *
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @returns {string}
 */
function explain(block, env) {
  const source = chosen(block, env);
  if (!source) {
    return `No ${CONNECTION} and no ${SAS} is set here: whoever is signed in with Entra ID will be used, such as with az login.`;
  }
  const by = env[CREDENTIAL]?.trim() ? CREDENTIAL : 'azure.credential';
  const secret = SECRETS.get(source);
  if (!secret) return `The sign-in ${source} will be used (${by}).`;
  const { name, variable } = secret;
  return env[variable]?.trim()
    ? `The ${name} in ${variable} will be used; it is not written to nx.json.`
    : `${by} asks for a ${name}: set ${variable}, which is not set here.`;
}

module.exports = { CONNECTION, SAS, containerOf, explain, missingKeys };
