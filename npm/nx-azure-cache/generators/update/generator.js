'use strict';

// Sets the version of this package in package.json. `nx migrate` cannot do so: it asks the
// registry for the name that Nx loads, which belongs to another company on npmjs.com, and
// writes a version of that package without our alias.

const { findPackage } = require('../../lib/doctor/packages');
const { installCommand } = require('../../lib/package-manager');
const { aliasName, ownName } = require('../../lib/other-caches');
const { printable } = require('../../lib/printable');
const { isAliasPackage, sourceOf } = require('../../lib/slot-package');
const json = require('../init/nx-json');
const { places } = require('./places');
const { isVersion, versionOf } = require('./registry');

/** @import { Tree } from 'nx/src/generators/tree' */

/**
 * @typedef {object} Io
 * @property {(line: string) => void} log
 * @property {typeof versionOf} versionOf
 */

/**
 * @param {Tree} tree
 * @param {import('./schema').UpdateGeneratorSchema} [options]
 * @param {Io} [io]
 */
function updateGenerator(
  tree,
  { to } = {},
  { log, versionOf: lookUp } = {
    log: (line) => console.log(printable(line)),
    versionOf,
  },
) {
  const before = tree.read('package.json', 'utf8');
  if (!before) {
    throw new Error(
      `package.json does not exist: set the version of ${aliasName} where this workspace lists its packages, as npm:${ownName}@VERSION`,
    );
  }
  const wanted = to?.trim() || 'latest';
  const isTag = /^[A-Za-z][\w.-]*$/.test(wanted);
  if (!isTag && !isVersion(wanted)) {
    throw new Error(
      `--to=${wanted} is not a version: pass one such as 1.2.3, or a tag such as latest`,
    );
  }
  const version = isTag ? lookUp(tree.root, wanted) : wanted;
  const { text, lines } = setVersion(before, version, tree.root);
  lines.forEach((line) => log(line));
  if (text === before) return;
  tree.write('package.json', text);
  log(`Next: run ${installCommand(tree.root)}.`);
}

/**
 * Sets the version at all places that name this package, or adds the alias.
 *
 * @param {string} before package.json
 * @param {string} version
 * @param {string} root of the workspace
 */
function setVersion(before, version, root) {
  const manifest = json.parseObject(before, 'package.json');
  let text = before;
  const lines = [];
  let isDependency = false;
  for (const place of places) {
    const specs = place.reduce((at, key) => at?.[key], manifest);
    const spec = specs?.[aliasName];
    if (typeof spec !== 'string') continue;
    isDependency ||= place[0].endsWith('ependencies');
    const wanted = specFor(spec, version, root);
    const name = `${place.join('.')}: ${aliasName}`;
    if (wanted === undefined) {
      lines.push(
        `package.json: kept ${name} at ${spec}, which names another source: set the version there.`,
      );
    } else if (wanted === spec) {
      lines.push(`package.json: ${name} is at ${spec} already.`);
    } else {
      text = json.set(text, [...place, aliasName], wanted);
      lines.push(`package.json: set ${name} from ${spec} to ${wanted}.`);
    }
  }
  if (!isDependency) {
    const spec = `npm:${ownName}@${version}`;
    if (!manifest.devDependencies) {
      text = json.set(text, ['devDependencies'], {});
    }
    text = json.set(text, ['devDependencies', aliasName], spec);
    lines.push(`package.json: added devDependencies: ${aliasName} ${spec}.`);
  }
  return { text, lines };
}

/**
 * The new specifier in the form of the old one; undefined if it names a folder, a URL, a
 * catalog or the like.
 *
 * @param {string} spec
 * @param {string} version
 * @param {string} root of the workspace
 */
function specFor(spec, version, root) {
  const source = sourceOf(spec);
  if (source === 'ours') {
    const [, range = ''] = /^npm:[^@]+@(.*)$/.exec(spec) ?? [];
    return `npm:${ownName}@${operatorOf(range)}${version}`;
  }
  if (source === 'other') return undefined;
  // The alias package of a private registry needs no alias.
  return isAliasPackage(findPackage(aliasName, [root]))
    ? operatorOf(spec) + version
    : `npm:${ownName}@${version}`;
}

/** @param {string} range */
const operatorOf = (range) => /^[~^]?(?=\d)/.exec(range)?.[0] ?? '^';

module.exports = { updateGenerator };
