'use strict';

// Which package Nx will load as its remote cache.

const fs = require('node:fs');
const path = require('node:path');
const { command } = require('../printable');
const { findPackage } = require('./packages');
const { message, rowsOf } = require('./rows');

/** @import { Nx, Package } from './packages' */
/** @import { Row } from './rows' */

/**
 * What is looked at.
 *
 * @typedef {object} Workspace
 * @property {string} root
 * @property {string} cwd
 * @property {Nx} nx
 * @property {NxJson} nxJson
 * @property {NodeJS.ProcessEnv} env as Nx sees it, with its .env files
 * @property {NodeJS.ProcessEnv} variables what came from outside
 * @property {string} manager of packages
 */

/**
 * What of nx.json matters here.
 *
 * @typedef {object} NxJson
 * @property {unknown} [neverConnectToCloud]
 * @property {unknown} [nxCloudAccessToken]
 * @property {unknown} [nxCloudId]
 * @property {unknown} [useLegacyCache]
 * @property {Record<string, { runner?: unknown, options?: Record<string, unknown> }>} [tasksRunnerOptions]
 */

const { ok, failed } = rowsOf('package');

/** The name that every Nx since 20.0 asks for. */
const ourName = '@nx/powerpack-azure-cache';

/** What installs us under it. */
const ourSpecifier = `${ourName}@npm:nx-azure-cache`;

/**
 * What Nx 24 asks for, in this order.
 */
const usualNames = ['s3', 'shared-fs', 'gcs', 'azure'].flatMap((kind) => [
  `@nx/${kind}-cache`,
  `@nx/powerpack-${kind}-cache`,
]);

/**
 * The names that this Nx asks for, in its order. They are in its source in that
 * order, from 20.0.6 to 24.0.6; until 20.7 only those with `powerpack-`.
 *
 * @param {Nx} nx
 */
function namesAskedFor(nx) {
  const source = nx.source('tasks-runner/cache');
  const names = source.matchAll(
    /['"`](@nx\/(?:powerpack-)?[\w-]+-cache)['"`]/g,
  );
  const asked = [...new Set(Array.from(names, ([, name]) => name))];
  return asked.length > 0 ? asked : usualNames;
}

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function examineSlot(workspace) {
  const { root, cwd, nx } = workspace;
  const folders = [cwd, root, path.dirname(nx.resolve('tasks-runner/cache'))];
  const asked = namesAskedFor(nx);
  const installed = asked.flatMap((name) => {
    const found = findPackage(name, folders);
    return found ? [{ name, found }] : [];
  });
  const at = installed.findIndex(({ found }) => isOurs(found));
  const before = installed
    .slice(0, at < 0 ? undefined : at)
    .filter(({ name, found }) => name !== ourName && !found.broken);
  const loaded = installed[at] ?? installed.find((it) => it.name === ourName);
  return [
    ...shadowRows(workspace, asked, loaded?.name ?? ourName, before),
    loadedRow(workspace, asked, loaded),
  ];
}

/** @typedef {{ name: string, found: Package }} Installed */

/**
 * The packages that Nx loads before ours.
 *
 * @param {Workspace} workspace
 * @param {string[]} asked
 * @param {string} name under which ours is found
 * @param {Installed[]} before
 * @returns {Row[]}
 */
function shadowRows({ root, manager, nx }, asked, name, before) {
  const id = 'shadows';
  const check = 'other remote caches';
  if (before.length === 0) {
    const seen = `none of the ${asked.indexOf(name)} packages that Nx ${nx.version} asks before it is installed`;
    return [ok(id, check, seen)];
  }
  return before.map(({ name, found }) =>
    failed(
      id,
      check,
      `${described(name, found, root)} is installed, and Nx ${nx.version} asks it first`,
      removal(manager, name),
    ),
  );
}

/**
 * The package that Nx loads once nothing else is in the way.
 *
 * @param {Workspace} workspace
 * @param {string[]} asked
 * @param {Installed | undefined} loaded
 * @returns {Row}
 */
function loadedRow({ root, manager, nx }, asked, loaded) {
  const id = 'loaded';
  const check = 'the package Nx loads';
  const install = addition(manager);
  if (!asked.includes(ourName)) {
    const seen = `Nx ${nx.version} does not ask for ${ourName}`;
    return failed(id, check, seen, 'use Nx 20.0.6 or later');
  }
  if (!loaded) {
    const seen = `${ourName} is not installed: Nx finds no remote cache`;
    return failed(id, check, seen, install);
  }
  const { name, found } = loaded;
  const what = described(name, found, root);
  if (!isOurs(found)) {
    const seen = `${what} is not nx-azure-cache, but ${vendor(name, found)}`;
    return failed(id, check, seen, install);
  }
  const trouble = found.broken ?? loadingTrouble(found);
  if (trouble) {
    const seen = `${what} cannot be loaded (${trouble}): Nx says nothing, and has no remote cache`;
    return failed(id, check, seen, again(manager));
  }
  return ok(id, check, what);
}

/**
 * Whether a package is this one, under whatever name, or the one that is made of
 * it for private registries.
 *
 * @param {Package} found
 */
function isOurs({ name, dependencies }) {
  return name === 'nx-azure-cache' || 'nx-azure-cache' in dependencies;
}

/**
 * @param {string} name
 * @param {Package} found
 */
function vendor(name, found) {
  return found.name === name
    ? 'the package of the makers of Nx'
    : 'something else under its name';
}

/**
 * Loads our own package as Nx does: what it throws there nobody sees.
 *
 * @param {Package} found
 */
function loadingTrouble({ main = '' }) {
  try {
    const { getRemoteCache } = require(main);
    return typeof getRemoteCache === 'function'
      ? ''
      : 'it has no getRemoteCache';
  } catch (err) {
    return message(err);
  }
}

/**
 * A package for people: `@nx/s3-cache 3.0.0 (node_modules/@nx/s3-cache)`.
 *
 * @param {string} name
 * @param {Package} found
 * @param {string} root of the workspace
 */
function described(name, found, root) {
  const alias = found.name && found.name !== name ? ` as ${name}` : '';
  return `${found.name || name} ${found.version}${alias} (${shortened(found.folder, root)})`;
}

/**
 * A path as seen from a workspace.
 *
 * @param {string} file
 * @param {string} root
 */
function shortened(file, root) {
  const real = fs.existsSync(root) ? fs.realpathSync(root) : root;
  const short = path.relative(real, file);
  return short.startsWith('..') || path.isAbsolute(short) ? file : short;
}

/** What runs the Nx of a workspace, by the manager of its packages. */
const runners = new Map([
  ['pnpm', 'pnpm'],
  ['yarn', 'yarn'],
  ['bun', 'bunx'],
]);

/** @param {string} manager */
function addition(manager) {
  const runner = runners.get(manager) ?? 'npx';
  return `${runner} nx add ${ourSpecifier}`;
}

/**
 * @param {string} manager
 * @param {string} name
 */
function removal(manager, name) {
  const verb = manager === 'npm' ? 'uninstall' : 'remove';
  return command('%s %s %s', manager, verb, name) ?? `remove ${name}`;
}

/** @param {string} manager */
function again(manager) {
  return `remove node_modules and install again (${manager} install)`;
}

exports.again = again;
exports.examineSlot = examineSlot;
exports.isOurs = isOurs;
exports.ourName = ourName;
exports.shortened = shortened;
exports.usualNames = usualNames;
