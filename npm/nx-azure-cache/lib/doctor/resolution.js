'use strict';

// Which package Nx loads as its remote cache.

const fs = require('node:fs');
const path = require('node:path');
const { aliasName, ownName, packageNames } = require('../other-caches');
const { runnerOf } = require('../package-manager');
const { command } = require('../printable');
const { firstLine } = require('../reason');
const { isOurs } = require('../slot-package');
const { findPackage } = require('./packages');
const { rowsOf } = require('./rows');

/** @import { Nx, Package } from './packages' */
/** @import { Row } from './rows' */

/**
 * What doctor examines.
 *
 * @typedef {object} Workspace
 * @property {string} root
 * @property {string} cwd
 * @property {Nx} nx
 * @property {import('../other-caches').CacheSettings} nxJson
 * @property {NodeJS.ProcessEnv} env as Nx sees it, including its .env files
 * @property {NodeJS.ProcessEnv} variables that this process was started with
 * @property {string} manager the package manager
 */

const { ok, failed } = rowsOf('package');

/** What to pass to `nx add`. */
const specifier = `${aliasName}@npm:${ownName}`;

/**
 * The packages that this Nx tries, in its order. From 20.0.6 to 24.0.6, Nx's source
 * lists them in that order; before 20.7 it lists only those with `powerpack-`.
 *
 * @param {Nx} nx
 */
function namesTried(nx) {
  const source = nx.source('tasks-runner/cache');
  const names = source.matchAll(
    /['"`](@nx\/(?:powerpack-)?[\w-]+-cache)['"`]/g,
  );
  const tried = [...new Set(Array.from(names, ([, name]) => name))];
  return tried.length > 0 ? tried : packageNames;
}

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function examineResolution(workspace) {
  const { root, cwd, nx } = workspace;
  const folders = [cwd, root, path.dirname(nx.resolve('tasks-runner/cache'))];
  const tried = namesTried(nx);
  const installed = tried.flatMap((name) => {
    const found = findPackage(name, folders);
    return found ? [{ name, found }] : [];
  });
  const at = installed.findIndex(({ found }) => isOurs(found));
  const before = installed
    .slice(0, at < 0 ? undefined : at)
    .filter(({ name, found }) => name !== aliasName && !found.broken);
  const loaded =
    installed[at] ?? installed.find(({ name }) => name === aliasName);
  return [
    ...shadowRows(workspace, tried, loaded?.name ?? aliasName, before),
    loadedRow(workspace, tried, loaded),
  ];
}

/** @typedef {{ name: string, found: Package }} Installed */

/**
 * The packages that Nx loads instead of ours.
 *
 * @param {Workspace} workspace
 * @param {string[]} tried
 * @param {string} name under which ours is found
 * @param {Installed[]} before
 * @returns {Row[]}
 */
function shadowRows({ root, manager, nx }, tried, name, before) {
  const id = 'shadows';
  const check = 'other remote caches';
  if (before.length === 0) {
    const seen = `none of the ${tried.indexOf(name)} packages that Nx ${nx.version} tries first is installed`;
    return [ok(id, check, seen)];
  }
  return before.map(({ name, found }) =>
    failed(
      id,
      check,
      `${describe(name, found, root)} is installed, and Nx ${nx.version} tries it first`,
      removeCommand(manager, name),
    ),
  );
}

/**
 * The package that Nx loads if no other one comes first.
 *
 * @param {Workspace} workspace
 * @param {string[]} tried
 * @param {Installed | undefined} loaded
 * @returns {Row}
 */
function loadedRow({ root, manager, nx }, tried, loaded) {
  const id = 'loaded';
  const check = 'the package Nx loads';
  const install = addCommand(manager);
  if (!tried.includes(aliasName)) {
    const seen = `Nx ${nx.version} does not look for ${aliasName}`;
    return failed(id, check, seen, 'use Nx 20.0.6 or later');
  }
  if (!loaded) {
    const seen = `${aliasName} is not installed: Nx finds no remote cache`;
    return failed(id, check, seen, install);
  }
  const { name, found } = loaded;
  const what = describe(name, found, root);
  if (!isOurs(found)) {
    const seen = `${what} is not nx-azure-cache, but ${vendor(name, found)}`;
    return failed(id, check, seen, install);
  }
  const error = found.broken ?? loadError(found);
  if (error) {
    const seen = `${what} cannot be loaded (${error}): Nx ignores that error and uses no remote cache`;
    return failed(id, check, seen, reinstallHint(manager));
  }
  return ok(id, check, what);
}

/**
 * @param {string} name
 * @param {Package} found
 */
function vendor(name, found) {
  return found.name === name
    ? 'the package by the makers of Nx'
    : 'another package under its name';
}

/**
 * Loads our own package as Nx does, and returns the error that Nx would ignore.
 *
 * @param {Package} found
 */
function loadError({ main = '' }) {
  try {
    const { getRemoteCache } = require(main);
    return typeof getRemoteCache === 'function'
      ? ''
      : 'it has no getRemoteCache';
  } catch (err) {
    return firstLine(err);
  }
}

/**
 * Describes a package: `@nx/s3-cache 3.0.0 (node_modules/@nx/s3-cache)`.
 *
 * @param {string} name
 * @param {Package} found
 * @param {string} root of the workspace
 */
function describe(name, found, root) {
  const alias = found.name && found.name !== name ? ` as ${name}` : '';
  return `${found.name || name} ${found.version}${alias} (${relativePath(found.folder, root)})`;
}

/**
 * A path relative to the workspace, if it is inside.
 *
 * @param {string} file
 * @param {string} root
 */
function relativePath(file, root) {
  const real = fs.existsSync(root) ? fs.realpathSync(root) : root;
  const short = path.relative(real, file);
  return short.startsWith('..') || path.isAbsolute(short) ? file : short;
}

/**
 * The command that installs this package under the name that Nx loads. Yarn reads an alias
 * without a version as a tag, and `nx add` cannot split one with a version.
 *
 * @param {string} manager
 */
function addCommand(manager) {
  if (manager === 'yarn') return `yarn add --dev ${specifier}@latest`;
  return `${runnerOf(manager)} nx add ${specifier}`;
}

/**
 * @param {string} manager
 * @param {string} name
 */
function removeCommand(manager, name) {
  const verb = manager === 'npm' ? 'uninstall' : 'remove';
  return command('%s %s %s', manager, verb, name) ?? `remove ${name}`;
}

/** @param {string} manager */
function reinstallHint(manager) {
  return `remove node_modules and install again (${manager} install)`;
}

exports.addCommand = addCommand;
exports.reinstallHint = reinstallHint;
exports.examineResolution = examineResolution;
exports.relativePath = relativePath;
