'use strict';

const { packageManager } = require('../../lib/doctor/packages');
const { askFor, terminal } = require('./prompt');
const { trustedBranch } = require('./branches');
const nxJson = require('./nx-json');
const { replacePackages } = require('./old-packages');
const { migrateRunner } = require('./old-runner');
const { conflicts } = require('./conflicts');
const { DEFAULTS, changes, readOptions } = require('./settings');
const { explain, missingKeys } = require('./sign-in');

/** @typedef {import('./prompt').Io} Io */
/** @typedef {import('./settings').Block} Block */

/**
 * Writes the azure block of nx.json, and takes the place of older caches on Azure. What it takes over is told at once: a dry run
 * shows it, too. The callback, which Nx calls when the files are on the disk, says what is left to do.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {import('./schema').InitGeneratorSchema} [options]
 * @param {Io} [io]
 * @returns {Promise<() => void>}
 */
async function initGenerator(tree, options = {}, io = terminal()) {
  const given = readOptions(options);
  const original = tree.read('nx.json', 'utf8') ?? '{}\n';
  const file = nxJson.parse(original);
  const { azure: own, extends: base } = file;
  const whole = base ? extended(tree.root) : file;
  const inherited = own ? undefined : whole.azure;
  const migration = migrateRunner(tree, original, whole, io.env);

  const existing = own ?? inherited ?? {};
  const known = { ...migration.block, ...withoutEmpty(existing), ...given };
  const answers = await askFor(missingKeys(known, io.env), io);
  const wanted = { ...(inherited ? {} : DEFAULTS), ...known, ...answers };
  const changed = changes(existing, wanted);
  const branch = hasBranches(existing)
    ? undefined
    : trustedBranch(tree.root, whole);
  if (branch && !isObject(existing.trust)) {
    changed.trust = { branches: [branch] };
  }
  let edited = migration.nxJson;
  if (Object.keys(changed).length > 0) {
    edited = edit(edited, own, { ...inherited, ...changed });
  }
  if (branch && isObject(own?.trust)) {
    edited = nxJson.set(edited, ['azure', 'trust', 'branches'], [branch]);
  }
  if (edited !== original) tree.write('nx.json', edited);

  const packages = replacePackages(tree);
  const told = [
    ...packages,
    ...migration.lines,
    ...kept(migration.block, wanted),
    ...conflicts(tree, whole, io.env),
  ];
  told.forEach((line) => io.log(line));
  const lines = report(tree, wanted, io.env, {
    branch,
    isInstalled: packages.length === 0,
  });
  return () => lines.forEach((line) => io.log(line));
}

/**
 * What the azure block has of an older cache.
 *
 * @param {Block} found
 * @param {Block} wanted
 */
function kept(found, wanted) {
  return Object.keys(found)
    .filter((key) => wanted[key] === found[key])
    .map(
      (key) =>
        `nx.json: azure.${key} is ${JSON.stringify(found[key])}, as before.`,
    );
}

/** @param {Block} block */
function withoutEmpty(block) {
  return Object.fromEntries(
    Object.entries(block).filter(([, value]) => value !== ''),
  );
}

/**
 * Whether a block says which branches are trusted, or that all are.
 *
 * @param {Block} block
 */
function hasBranches({ trust }) {
  return isObject(trust) && ('branches' in trust || trust.isolation === 'none');
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * nx.json with what it has from the file it extends. A block of its own replaces that one as a whole.
 *
 * @param {string} root
 * @returns {ReturnType<typeof nxJson.parse>}
 */
function extended(root) {
  const { readNxJson } = require('nx/src/config/nx-json');
  return /** @type {ReturnType<typeof nxJson.parse>} */ (readNxJson(root));
}

/**
 * @param {string} text
 * @param {Block | undefined} own
 * @param {Block} entries
 * @returns {string}
 */
function edit(text, own, entries) {
  if (!own) return nxJson.set(text, ['azure'], entries);
  return Object.entries(entries).reduce(
    (text, [key, value]) => nxJson.set(text, ['azure', key], value),
    text,
  );
}

/**
 * @typedef {object} Found
 * @property {string} [branch] that was found
 * @property {boolean} isInstalled whether package.json is as it was
 */

/**
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @param {Found} found
 * @returns {string[]}
 */
function report(tree, block, env, { branch, isInstalled }) {
  const steps = nextSteps(tree, block, env, isInstalled);
  return [
    explain(block, env),
    ...(branch
      ? [
          `What CI stores on the branch ${branch} is for all; what it stores for pull requests and other branches, only for these (azure.trust.branches).`,
        ]
      : []),
    ...(steps.length > 0
      ? ['', 'Next steps:', ...steps.map((step) => `- ${step}`)]
      : []),
  ];
}

/**
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @param {boolean} isInstalled
 * @returns {string[]}
 */
function nextSteps(tree, block, env, isInstalled) {
  const steps = [];
  if (!isInstalled) {
    steps.push(`Run ${packageManager(tree.root)} install.`);
  }
  const missing = missingKeys(block, env).map((key) => `"${key}"`);
  if (missing.length > 0) {
    steps.push(
      `Fill in ${missing.join(' and ')} in the "azure" block of nx.json.`,
    );
  }
  if (!env.NX_POWERPACK_LICENSE && !tree.exists('.nx/powerpack/license.ini')) {
    steps.push(
      'Activate your licence, or set NX_POWERPACK_LICENSE to it: the cache is off without one. nx g @nx/powerpack-azure-cache:activate KEY',
    );
  }
  return steps;
}

module.exports = { initGenerator };
