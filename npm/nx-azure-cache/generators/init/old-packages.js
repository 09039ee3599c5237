'use strict';

// Packages that stand in the way: Nx loads the first remote cache it finds.

const { createRequire } = require('node:module');
const path = require('node:path');
const { usualNames } = require('../../lib/doctor/resolution');
const { version } = require('../../package.json');
const json = require('./nx-json');

/** @import { Tree } from 'nx/src/generators/tree' */

/** The name of this package, and those under which Nx looks for it. */
const OWN = 'nx-azure-cache';
const ALIAS = '@nx/powerpack-azure-cache';
const NAMES = ['@nx/azure-cache', ALIAS];

/** A task runner for the same storage, which Nx loads no more since 21. */
const RUNNER = 'nx-remotecache-azure';

/** What else Nx asks before this cache. */
const OTHERS = usualNames.filter((name) => !name.endsWith('azure-cache'));

/** What the licence of the older packages needed. */
const KEYS = ['@nx/key', '@nx/powerpack-license'];

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
 * Takes the place of the older packages in package.json, and returns what was
 * done, a line each.
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
  const older = find(text, NAMES).filter((it) => !isOurs(it, tree.root));
  for (const { section, name, spec } of older) {
    text = json.remove(text, [section, name]);
    lines.push(
      `package.json: ${name} (${spec}) is removed: it is the older package${name === ALIAS ? '' : ', which Nx asks first'}.`,
    );
  }
  if (older.length > 0 && find(text, NAMES).length === 0) {
    const { section } = older[0];
    const spec = `npm:${OWN}@${version}`;
    text = json.set(ensure(text, section), [section, ALIAS], spec);
    lines.push(`package.json: ${ALIAS} is ${spec} now.`);
  }
  for (const { section, name, spec } of find(text, [RUNNER])) {
    text = json.remove(text, [section, name]);
    lines.push(
      `package.json: ${name} (${spec}) is removed: Nx loads no such runner any more.`,
    );
  }
  if (text !== before) tree.write('package.json', text);
  if (older.length > 0) {
    for (const { name } of find(text, KEYS)) {
      lines.push(
        `package.json: ${name} was for the licence of the older package; it stays, remove it if nothing else needs it.`,
      );
    }
  }
  return lines;
}

/**
 * @param {string} text
 * @param {string} section
 */
function ensure(text, section) {
  return json.parseObject(text, 'package.json')[section]
    ? text
    : json.set(text, [section], {});
}

/**
 * Whether a dependency is this package: by an alias, or from a registry that has
 * it under the name that Nx looks for.
 *
 * @param {Dependency} dependency
 * @param {string} root
 */
function isOurs({ name, spec }, root) {
  if (RegExp(`^npm:${OWN}(@|$)`).test(spec)) return true;
  const installed = manifestOf(name, root);
  if (installed) {
    return installed.name === OWN || OWN in (installed.dependencies ?? {});
  }
  // Whoever has such a source knows what it is.
  return /^(file|link|portal|workspace|git|https?)\b/.test(spec);
}

/**
 * The package.json of what is installed under a name, also without node_modules.
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
    return undefined; // it is not installed, or hides its package.json
  }
}

/**
 * Other packages that Nx asks first.
 *
 * @param {Tree} tree
 * @returns {string[]} their names
 */
function others(tree) {
  const text = tree.read('package.json', 'utf8');
  return text ? find(text, OTHERS).map(({ name }) => name) : [];
}

module.exports = { RUNNER, others, replacePackages };
