'use strict';

// Who will sign in, as cmd/nx-azure-cache/internal/config/credential.go decides it.

/** @typedef {import('./settings').Block} Block */
/** @typedef {import('./settings').Key} Key */

const CONNECTION = 'AZURE_STORAGE_CONNECTION_STRING';
const OWN_CONNECTION = 'NX_AZURE_CACHE_CONNECTION_STRING';
const SAS = 'NX_AZURE_CACHE_SAS_URL';
const CREDENTIAL = 'NX_AZURE_CACHE_CREDENTIAL';

/** The secrets of a storage account, with their variables: the first that is set counts. */
const SECRETS = new Map([
  [
    'connection-string',
    { name: 'connection string', variables: [OWN_CONNECTION, CONNECTION] },
  ],
  ['sas', { name: 'SAS URL', variables: [SAS] }],
]);

/**
 * The variable that holds a secret.
 *
 * @param {string[]} variables
 * @param {NodeJS.ProcessEnv} env
 */
const firstSet = (variables, env) =>
  variables.find((variable) => env[variable]?.trim());

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
  for (const [credential, { variables }] of SECRETS) {
    if (firstSet(variables, env)) return credential;
  }
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
  const { name, variables } = secret;
  const variable = firstSet(variables, env);
  return variable
    ? `The ${name} in ${variable} will be used; it is not written to nx.json.`
    : `${by} asks for a ${name}: set ${variables[0]}, which is not set here.`;
}

module.exports = { CONNECTION, SAS, containerOf, explain, missingKeys };
