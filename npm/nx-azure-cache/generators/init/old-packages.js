'use strict';

// Replaces the older packages for Azure in package.json. Nx loads the first remote cache
// package that it finds, so they must not stay.

const { createRequire } = require('node:module');
const path = require('node:path');
const {
  aliasName,
  licensePackages,
  oldRunner,
  otherStorageNames,
  ownName,
  replacedNames,
} = require('../../lib/other-caches');
const { sourceOf } = require('../../lib/slot-package');
const { version } = require('../../package.json');
const json = require('./nx-json');

/** @import { Tree } from 'nx/src/generators/tree' */

const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies'];

/** @typedef {{ section: string, name: string, spec: string }} Dependency */

/**
 * The dependencies of the workspace that have one of these names.
 *
 * @param {string} text of package.json
 * @param {string[]} names
 * @returns {Dependency[]}
 */
function find(text, names) {
  const manifest = json.parseObject(text, 'package.json');
  return SECTIONS.flatMap((section) =>
    names
      .filter((name) => typeof manifest[section]?.[name] === 'string')
      .map((name) => ({ section, name, spec: manifest[section][name] })),
  );
}

/**
 * Replaces the older packages in package.json, and returns a line for each change.
 *
 * @param {Tree} tree
 * @returns {string[]}
 */
function replacePackages(tree) {
  const before = tree.read('package.json', 'utf8');
  if (!before) return [];
  let text = before;
  /** @type {string[]} */
  const lines = [];
  const older = find(text, replacedNames).filter(
    (dependency) => !isOurs(dependency, tree.root),
  );
  for (const { section, name, spec } of older) {
    text = json.remove(text, [section, name]);
    lines.push(
      `package.json: removed ${name} (${spec}), the older package${name === aliasName ? '' : ', which Nx tries first'}.`,
    );
  }
  if (older.length > 0 && find(text, replacedNames).length === 0) {
    const { section } = older[0];
    const spec = `npm:${ownName}@${version}`;
    text = json.set(withSection(text, section), [section, aliasName], spec);
    lines.push(`package.json: set ${aliasName} to ${spec}.`);
  }
  for (const { section, name, spec } of find(text, [oldRunner])) {
    text = json.remove(text, [section, name]);
    lines.push(
      `package.json: removed ${name} (${spec}): Nx 21 and later ignore task runners.`,
    );
  }
  if (text !== before) tree.write('package.json', text);
  if (older.length > 0) {
    for (const { name } of find(text, licensePackages)) {
      lines.push(
        `package.json: kept ${name}, which the older package needed for its license; remove it if nothing else needs it.`,
      );
    }
  }
  return lines;
}

/**
 * @param {string} text
 * @param {string} section
 */
function withSection(text, section) {
  return json.parseObject(text, 'package.json')[section]
    ? text
    : json.set(text, [section], {});
}

/**
 * Whether a dependency is this package: through an alias, or from a registry that
 * publishes it under the name that Nx looks for.
 *
 * @param {Dependency} dependency
 * @param {string} root
 */
function isOurs({ name, spec }, root) {
  const source = sourceOf(spec);
  if (source === 'ours') return true;
  const installed = manifestOf(name, root);
  // Without the alias, the next installation replaces this package by the older one.
  if (installed?.name === ownName) return source === 'other';
  if (installed) return ownName in (installed.dependencies ?? {});
  // A source that someone chose by hand is not the older package from npm.
  return /^(file|link|portal|workspace|git|https?)\b/.test(spec);
}

/**
 * The package.json of an installed package, with or without node_modules.
 *
 * @param {string} name
 * @param {string} root
 * @returns {{ name?: string, dependencies?: Record<string, string> } | undefined}
 */
function manifestOf(name, root) {
  try {
    const resolve = createRequire(path.join(root, 'package.json'));
    return resolve(`${name}/package.json`);
  } catch {
    return undefined; // not installed, or `exports` hides its package.json
  }
}

/**
 * The packages for other storage in package.json, which Nx tries first.
 *
 * @param {Tree} tree
 * @returns {string[]}
 */
function otherCachePackages(tree) {
  const text = tree.read('package.json', 'utf8');
  return text ? find(text, otherStorageNames).map(({ name }) => name) : [];
}

module.exports = { otherCachePackages, replacePackages };
