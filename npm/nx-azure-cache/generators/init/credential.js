'use strict';

// What `init` says about the credential that the cache will use, and which keys it asks for.

/** @import { ConfigCheck } from './config-check' */
/** @import { Block, Key } from './settings' */

const CONNECTION = 'AZURE_STORAGE_CONNECTION_STRING';
const SAS = 'NX_AZURE_CACHE_SAS_URL';

/** The credentials that are secrets of the storage account. */
const SECRETS = new Map([
  ['connection-string', 'connection string'],
  ['sas', 'SAS URL'],
]);

/**
 * The keys that the block lacks and the cache needs.
 *
 * @param {Block} block
 * @param {ConfigCheck} [result] undefined if the block could not be checked
 * @returns {Key[]}
 */
function missingKeys(block, result) {
  const keys = /** @type {const} */ (['container', 'accountName']);
  if (!result) return keys.filter((key) => !block[key]);
  const missing = result.problems
    .filter(({ kind }) => kind === 'missing')
    .map(({ key }) => key);
  // An invalid SAS URL may name the container, so the binary reports only the URL.
  if (!block.container && !result.container) missing.push('azure.container');
  return keys.filter((key) => missing.includes(`azure.${key}`));
}

/**
 * Which credential the cache will use.
 *
 * @param {ConfigCheck} result
 * @returns {string}
 */
function describeCredential({
  credential,
  credentialFrom,
  problems,
  ...result
}) {
  const secret = SECRETS.get(credential);
  const missing = problems.find(
    ({ key, kind }) => kind === 'missing' && !key.startsWith('azure'),
  );
  if (missing) return `${missing.message}.`;
  if (secret) {
    return `The cache will use the ${secret} in ${result.accountFrom}, which is not written to nx.json.`;
  }
  if (credential) {
    return `The cache will use the credential ${credential} (${credentialFrom}).`;
  }
  return `Neither ${CONNECTION} nor ${SAS} is set here: the cache will use Entra ID, such as the account of az login.`;
}

module.exports = { CONNECTION, SAS, describeCredential, missingKeys };
