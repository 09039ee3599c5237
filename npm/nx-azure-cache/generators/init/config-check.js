'use strict';

// Asks the binary about the azure block: `nx-azure-cache config check --json --stdin`. The
// rules for settings and credentials are in the binary only; `init` has none of its own.

const { spawnSync } = require('node:child_process');
const { binaryPath } = require('../../lib/binary');
const { reasonOf } = require('../../lib/reason');
const { mayBeSecret } = require('../../lib/secrets');
const { readWorkspace } = require('../../lib/workspace');

/** @import { Environment } from '../../lib/environment' */
/** @import { Block } from './settings' */

/**
 * A problem in the configuration.
 *
 * @typedef {object} Problem
 * @property {string} key a key of nx.json, such as `azure.container`, or a variable
 * @property {'error' | 'warning'} level
 * @property {string} kind `missing` if the key or variable must be set
 * @property {string} message a sentence without secrets, safe to print
 */

/**
 * What the binary reports. See cmd/nx-azure-cache for all fields.
 *
 * @typedef {object} ConfigCheck
 * @property {string} container the container that will be used; '' if unknown
 * @property {string} credential the credential that will be used; '' for Entra ID
 * @property {string} credentialFrom the key or variable that names it; '' if nothing does
 * @property {string} accountFrom the key or variable that names the account
 * @property {Problem[]} problems
 */

/**
 * Checks a block, with additional variables. Throws if it cannot.
 *
 * @typedef {(block: Block, variables?: NodeJS.ProcessEnv) => ConfigCheck} Check
 */

/**
 * A check with the binary of this machine.
 *
 * @param {Environment} environment
 * @returns {Check}
 */
function checkWithBinary(environment) {
  return (block, variables) => {
    const env = environment.variables;
    const workspace = JSON.stringify(workspaceOf(environment));
    return runCheck(binaryPath({ env }), block, {
      ...env,
      NX_AZURE_CACHE_WORKSPACE: workspace,
      ...variables,
    });
  };
}

/**
 * The workspace without its configuration, for which the proposed block is used.
 *
 * @param {Environment} environment
 */
function workspaceOf(environment) {
  const claims = environment.claimsForCommand();
  try {
    const { config: _, ...workspace } = readWorkspace(environment);
    return { ...workspace, claims };
  } catch {
    return { claims }; // there is no nx.json yet
  }
}

/**
 * @param {string} binary
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @returns {ConfigCheck}
 */
function runCheck(binary, block, env) {
  // On stdin, because a pasted value may be a secret, and arguments are public.
  const { status, stdout, error } = spawnSync(
    binary,
    ['config', 'check', '--json', '--stdin'],
    { env, input: JSON.stringify(block), encoding: 'utf8', windowsHide: true },
  );
  if (error) throw new Error(`cannot run ${binary}: ${reasonOf(error)}`);
  const result = parse(stdout);
  if (!result) {
    throw new Error(`${binary} config check exited with code ${status}`);
  }
  return result;
}

/**
 * @param {string} text
 * @returns {ConfigCheck | undefined}
 */
function parse(text) {
  try {
    const result = JSON.parse(text);
    return Array.isArray(result.problems) ? result : undefined;
  } catch {
    return undefined;
  }
}

/** Checks blocks until a check fails, and then no more. */
class Checker {
  /** Why blocks cannot be checked; '' if they can. */
  failure = '';
  #check;

  /** @param {Check} check */
  constructor(check) {
    this.#check = check;
  }

  /**
   * @param {Block} block
   * @param {NodeJS.ProcessEnv} [variables]
   * @returns {ConfigCheck | undefined} undefined if blocks cannot be checked
   */
  check(block, variables) {
    if (this.failure) return undefined;
    try {
      return this.#check(block, variables);
    } catch (err) {
      this.failure = reasonOf(err);
      return undefined;
    }
  }

  /**
   * The problems with the values in a block, but not with what it lacks. If blocks cannot
   * be checked, only possible secrets are problems.
   *
   * @param {Block} block
   * @returns {Problem[]}
   */
  problemsWith(block) {
    const result = this.check(block);
    if (!result) return possibleSecrets(block);
    const keys = Object.keys(block).map((key) => `azure.${key}`);
    return result.problems.filter(
      ({ key, level, kind }) =>
        level === 'error' && kind !== 'missing' && keys.includes(key),
    );
  }
}

/**
 * Without the binary, values are written unchecked, but not those that may be secrets.
 *
 * @param {Block} block
 * @returns {Problem[]}
 */
function possibleSecrets(block) {
  return Object.entries(block)
    .filter(([, value]) => [value].flat().some(isPossibleSecret))
    .map(([name]) => ({
      key: `azure.${name}`,
      level: 'error',
      kind: 'invalid',
      message: `azure.${name} may be a secret, which must not be in nx.json`,
    }));
}

/** @param {unknown} value */
function isPossibleSecret(value) {
  return typeof value === 'string' && mayBeSecret(value);
}

exports.Checker = Checker;
exports.checkWithBinary = checkWithBinary;
exports.runCheck = runCheck;
