'use strict';

// Which package the workspace declares under the name that Nx loads. On npmjs.com that name
// belongs to another company, so this package takes its place through an alias,
// `npm:nx-azure-cache@…`. Without the alias, the next installation replaces this package by
// the other one. `nx migrate @nx/powerpack-azure-cache@latest` removes the alias.
//
// The checkout controls both files: their values are data, and links are not followed.

const fs = require('node:fs');
const path = require('node:path');
const { aliasName, ownName } = require('./other-caches');

/** @import { Package } from './doctor/packages' */

/**
 * How package.json declares the package under the name that Nx loads.
 *
 * @typedef {object} Declaration
 * @property {string} section such as `devDependencies`
 * @property {string} spec
 * @property {'ours' | 'registry' | 'other'} source `registry` is the package that the
 *   registry has under that name; `other` is a folder, a URL, a catalog and the like
 */

/** The longest files that are read, in bytes. */
const longestManifest = 1 << 20;
const longestLockfile = 64 << 20;

/** Dependencies, and what overrides them in npm, Yarn and Bun. */
const sections = ['dependencies', 'devDependencies', 'optionalDependencies'];
const overrides = ['overrides', 'resolutions'];

/** The lockfiles, by package manager. */
const lockfiles = new Map([
  ['npm', ['npm-shrinkwrap.json', 'package-lock.json']],
  ['pnpm', ['pnpm-lock.yaml']],
  ['yarn', ['yarn.lock']],
  ['bun', ['bun.lock', 'bun.lockb']],
]);

/**
 * Reads package.json of a workspace. Undefined if it does not declare the package.
 *
 * @param {string} root
 * @returns {Declaration | undefined}
 */
function declaredPackage(root) {
  const text = readFile(path.join(root, 'package.json'), longestManifest);
  if (text === undefined || !text.includes(aliasName)) return undefined;
  const manifest = parse(text);
  const find = (
    /** @type {Record<string, any>} */ from,
    /** @type {string} */ section,
  ) => {
    const spec = from?.[section]?.[aliasName];
    if (typeof spec !== 'string') return [];
    return [{ section, spec, source: sourceOf(spec) }];
  };
  const forced = [
    ...overrides.flatMap((section) => find(manifest, section)),
    ...find(manifest?.pnpm, 'overrides'),
  ].find(({ source }) => source !== 'registry');
  if (forced) return forced;
  const declared = sections.flatMap((section) => find(manifest, section));
  return declared.find(({ source }) => source === 'registry') ?? declared[0];
}

/**
 * @param {string} spec
 * @returns {Declaration['source']}
 */
function sourceOf(spec) {
  if (RegExp(`^npm:${ownName}(@|$)`).test(spec)) return 'ours';
  // Yarn also writes `npm:^1.2.3` for `^1.2.3`.
  if (RegExp(`^npm:(${aliasName}@|[~^<>=]*\\d)`).test(spec)) return 'registry';
  return /[:/]/.test(spec) ? 'other' : 'registry'; // a version, a range or a tag
}

/**
 * Whether a package is this one under any name, or the alias package for private
 * registries, which depends on it.
 *
 * @param {Package} found
 */
function isOurs({ name, dependencies }) {
  return name === ownName || ownName in dependencies;
}

/**
 * The declaration that lost the alias: the next installation replaces this package by the
 * one that the registry has under the name. Undefined if all is well, or if nothing is
 * installed. Reads package.json, and an installed package.json only if the alias is missing.
 *
 * @param {string} root of the workspace
 * @returns {Declaration | undefined}
 */
function lostAlias(root) {
  const declared = declaredPackage(root);
  if (declared?.source !== 'registry') return undefined;
  const { findPackage } = require('./doctor/packages'); // not at each start
  const found = findPackage(aliasName, [root]);
  return found && !isAliasPackage(found) ? declared : undefined;
}

/**
 * Whether a package is the alias package for private registries. It has the name that Nx
 * loads, so it needs no alias.
 *
 * @param {Package | undefined} found
 */
function isAliasPackage(found) {
  return found?.name === aliasName && isOurs(found);
}

/**
 * What the lockfile installs under the name. Undefined if it cannot be known. Each format
 * is read as lines: an entry is a line with the name as its key, and the lines below that
 * are indented more. Ours, and the alias package, name `nx-azure-cache` there.
 *
 * @param {string} root of the workspace
 * @param {string} manager the package manager
 * @returns {{ file: string, isOurs: boolean } | undefined}
 */
function lockedPackage(root, manager) {
  for (const file of lockfiles.get(manager) ?? []) {
    const text = readFile(path.join(root, file), longestLockfile);
    if (text === undefined) continue;
    if (!text.includes(aliasName)) return undefined;
    const entries = file.endsWith('.lockb') ? [text] : entriesOf(text, manager);
    if (entries.length === 0) return undefined;
    return { file, isOurs: entries.some((entry) => entry.includes(ownName)) };
  }
  return undefined;
}

/**
 * The entries of the package in a lockfile. npm's also quotes package.json, without the
 * folder. Old pnpm-lock.yaml have a slash before the name.
 *
 * @param {string} text
 * @param {string} manager
 */
function entriesOf(text, manager) {
  const lines = text.split(/\r?\n/);
  const before = manager === 'npm' ? 'node_modules/' : '/?';
  const key = RegExp(`^\\s*["']?${before}${aliasName}(?=["'@/:])`);
  return lines.flatMap((line, at) => {
    if (!key.test(line)) return [];
    const end = lines.findIndex(
      (below, i) => i > at && indentOf(below) <= indentOf(line),
    );
    return [lines.slice(at, end < 0 ? undefined : end).join('\n')];
  });
}

/** @param {string} line */
function indentOf(line) {
  return line.search(/\S|$/);
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The text of a regular file that is not too long.
 *
 * @param {string} file
 * @param {number} longest in bytes
 */
function readFile(file, longest) {
  try {
    const found = fs.lstatSync(file);
    if (!found.isFile() || found.size > longest) return undefined;
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

module.exports = {
  ...{ declaredPackage, isAliasPackage, isOurs, lockedPackage, lostAlias },
  sourceOf,
};
