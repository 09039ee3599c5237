'use strict';

// What is left to do after `init`, up to the first hit.

const {
  generatorCommand,
  installCommand,
  runCommand,
} = require('../../lib/package-manager');
const { detectCi, isOccupied, systems } = require('./ci');

/** @import { Tree } from 'nx/src/generators/tree' */
/** @import { ConfigCheck } from './config-check' */

/**
 * @typedef {object} Left
 * @property {string[]} missing keys of the block
 * @property {boolean} isInstalled whether package.json is unchanged
 * @property {ConfigCheck | undefined} check of the block; undefined if it was not checked
 */

/**
 * The steps without which the cache does not work.
 *
 * @param {Tree} tree
 * @param {NodeJS.ProcessEnv} env
 * @param {Left} left
 * @returns {string[]}
 */
function nextSteps(tree, env, { missing, isInstalled }) {
  const { root } = tree;
  const steps = [];
  if (!isInstalled) steps.push(`Run ${installCommand(root)}.`);
  if (missing.length > 0) {
    const keys = missing.map((key) => `"${key}"`).join(' and ');
    steps.push(`Fill in ${keys} in the "azure" block of nx.json.`);
  }
  if (!env.NX_POWERPACK_LICENSE && !tree.exists('.nx/powerpack/license.ini')) {
    steps.push(
      `Activate your license with ${generatorCommand(root, 'activate')} KEY, or set NX_POWERPACK_LICENSE: the cache is off without one.`,
    );
  }
  return steps;
}

/**
 * The way to the first hit, for those who need a step and for those who do not.
 *
 * @param {Tree} tree
 * @param {Left} left
 * @returns {string[]}
 */
function firstHit(tree, { check }) {
  const { root } = tree;
  const build = runCommand(root, 'nx run-many --target=build');
  const ci = detectCi(tree);
  const steps = [];
  if (check?.credential === '') {
    steps.push(
      `Create the storage if it does not exist: ${generatorCommand(root, 'init')} --az prints the commands.`,
      'Sign in: az login',
    );
  }
  steps.push(
    `Check everything: ${runCommand(root, 'nx-azure-cache doctor')}`,
    `Store results: ${build}`,
    `Delete the local ones: ${runCommand(root, 'nx reset')}`,
    `See the first hit: ${build}`,
  );
  if (ci && !isOccupied(tree, systems[ci].file)) {
    steps.push(
      `Write a file for ${systems[ci].name}: ${generatorCommand(root, 'init')} --ci=${ci}`,
    );
  }
  return steps;
}

module.exports = { firstHit, nextSteps };
