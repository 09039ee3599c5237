'use strict';

const { azureCommands } = require('./azure-commands');
const { trustedBranch } = require('./branches');
const { detectCi, isOccupied, systems, writeCiFile } = require('./ci');
const { Checker } = require('./config-check');
const { conflicts } = require('./conflicts');
const nxJson = require('./nx-json');
const { replacePackages } = require('./old-packages');
const { migrateRunner } = require('./old-runner');
const { firstHit, nextSteps } = require('./next-steps');
const { askFor, isYes, terminal } = require('./prompt');
const { schemaFor } = require('./schema-reference');
const { DEFAULTS, changes, readOptions } = require('./settings');
const { describeCredential, missingKeys } = require('./credential');

/** @typedef {import('./prompt').Io} Io */
/** @typedef {import('./settings').Block} Block */

/**
 * Writes the azure block of nx.json, and replaces older caches on Azure. It reports the
 * changes at once, so that a dry run shows them, too. Nx calls the returned callback when
 * the files are on the disk; it reports what is left to do.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {import('./schema').InitGeneratorSchema} [options]
 * @param {Io} [io]
 * @returns {Promise<() => void>}
 */
async function initGenerator(tree, options = {}, io = terminal()) {
  const checker = new Checker(io.check);
  const given = readOptions(options);
  const problems = checker.problemsWith(given);
  if (options.ci && !Object.hasOwn(systems, options.ci)) {
    throw new Error(`--ci: allowed are ${Object.keys(systems).join(', ')}`);
  }
  if (problems.length > 0) {
    throw new Error(problems.map(optionMessage).join('\n'));
  }
  const original = tree.read('nx.json', 'utf8') ?? '{}\n';
  const file = nxJson.parse(original);
  const { azure: own, extends: base } = file;
  const whole = base ? extended(tree.root) : file;
  const inherited = own ? undefined : whole.azure;
  const migration = migrateRunner(tree, original, whole, io.env, checker);

  const existing = own ?? inherited ?? {};
  const known = { ...migration.block, ...withoutEmpty(existing), ...given };
  const missing = missingKeys(known, checker.check(known));
  const answers = await askFor(missing, io, checker);
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
  const schema = schemaFor(tree, file);
  if (schema) edited = nxJson.setFirst(edited, '$schema', schema);
  if (edited !== original) tree.write('nx.json', edited);
  const ci = options.ci ?? (await offerCi(tree, io));

  const packages = replacePackages(tree);
  const lines = [
    ...packages,
    ...migration.lines,
    ...takenOver(migration.block, wanted),
    ...conflicts(tree, whole, io.env),
    ...(ci ? writeCiFile(tree, ci, trustedBranch(tree.root, whole)) : []),
  ];
  lines.forEach((line) => io.log(line));
  const result = report(tree, wanted, io.env, {
    branch,
    checker,
    isInstalled: packages.length === 0,
    isAz: options.az === true,
  });
  return () => result.forEach((line) => io.log(line));
}

/**
 * A problem's message for an option. The binary names the key of nx.json, to which the
 * value is not written yet.
 *
 * @param {import('./config-check').Problem} problem
 */
function optionMessage({ key, message }) {
  const option = `--${key.replace('azure.', '')}`;
  const place = [`${key} in nx.json`, key].find((text) =>
    message.startsWith(text),
  );
  return place
    ? `${option}${message.slice(place.length)}`
    : `${option}: ${message}`;
}

/**
 * The values that the azure block takes over from an older cache.
 *
 * @param {Block} found
 * @param {Block} wanted
 */
function takenOver(found, wanted) {
  return Object.keys(found)
    .filter((key) => wanted[key] === found[key])
    .map(
      (key) =>
        `nx.json: set azure.${key} to ${JSON.stringify(found[key])}, as before.`,
    );
}

/** @param {Block} block */
function withoutEmpty(block) {
  return Object.fromEntries(
    Object.entries(block).filter(([, value]) => value !== ''),
  );
}

/**
 * Whether a block names the trusted branches, or trusts all.
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
 * nx.json including what it extends. Its own azure block replaces an inherited one as a
 * whole.
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
 * @property {string | undefined} branch the trusted branch, if `init` wrote it
 * @property {Checker} checker
 * @property {boolean} isInstalled whether package.json is unchanged
 * @property {boolean} isAz whether to print the az commands
 */

/**
 * The lines after the files are written: problems, the credential, what is left to do.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @param {Found} found
 * @returns {string[]}
 */
function report(tree, block, env, { branch, checker, isInstalled, isAz }) {
  const result = checker.check(block);
  const lines = result
    ? [
        ...result.problems
          .filter(({ kind }) => kind !== 'missing')
          .map(({ message }) => `${message}.`),
        describeCredential(result),
      ]
    : [`The settings and the credential were not checked: ${checker.failure}.`];
  if (branch) {
    lines.push(
      `All runs can use the results that CI stores on the branch ${branch}. Results of pull requests and other branches stay in their own scope (azure.trust.branches).`,
    );
  }
  const missing = missingKeys(block, result);
  const left = { missing, isInstalled, check: result };
  return [
    ...lines,
    ...list('Next steps:', nextSteps(tree, env, left)),
    ...list('Then:', firstHit(tree, left)),
    ...(isAz ? ['', ...azureCommands(block)] : []),
  ];
}

/**
 * @param {string} title
 * @param {string[]} items
 * @returns {string[]} lines
 */
function list(title, items) {
  if (items.length === 0) return [];
  return ['', title, ...items.map((item) => `- ${item}`)];
}

/**
 * Offers the file for the CI of this repository, if it has none.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Io} io
 * @returns {Promise<string | undefined>}
 */
async function offerCi(tree, { ask }) {
  const ci = ask && detectCi(tree);
  if (!ci || isOccupied(tree, systems[ci].file)) return undefined;
  const { file, name } = systems[ci];
  const answer = await ask(`Write ${file} for ${name}? (y/N): `);
  return isYes(answer) ? ci : undefined;
}

module.exports = { initGenerator };
