'use strict';

// Whether package.json and the lockfile install this package under the name that Nx loads.
// If they do not, the next installation replaces it by another company's package.

const { aliasName, ownName } = require('../other-caches');
const {
  declaredPackage,
  isOurs,
  lockedPackage,
  lostAlias,
} = require('../slot-package');
const { findPackage } = require('./packages');
const { addCommand } = require('./resolution');
const { rowsOf } = require('./rows');

/** @import { Row } from './rows' */
/** @import { Workspace } from './resolution' */

const { ok, warning, failed } = rowsOf('package');

/**
 * @param {Workspace} workspace
 * @returns {Row[]} none about a file that says nothing of the package
 */
function examineDeclared({ root, cwd, manager }) {
  const found = findPackage(aliasName, [cwd, root]);
  if (!found) return []; // another row says so
  // The cache works until the next installation if this package is installed.
  const report = isOurs(found) ? warning : failed;
  const fix = addCommand(manager);
  const rows = [];
  const declared = declaredPackage(root);
  const lost = lostAlias(root);
  if (lost) {
    const seen =
      `${lost.section} has ${aliasName} ${lost.spec}, without the alias npm:${ownName}: ` +
      "the next installation installs the package by Nx's makers";
    rows.push(report('declared', 'package.json', seen, fix));
  } else if (declared?.source === 'ours') {
    const seen = `${declared.section} has ${aliasName} as ${declared.spec}`;
    rows.push(ok('declared', 'package.json', seen));
  }
  // What someone chose by hand, such as a folder, may have any name.
  const locked =
    declared?.source === 'other' && !isCatalog(declared.spec)
      ? undefined
      : lockedPackage(root, manager);
  if (locked && !locked.isOurs) {
    const seen =
      `${locked.file} has another package than ${ownName} as ${aliasName}: ` +
      'the next installation installs that one';
    rows.push(report('locked', 'the lockfile', seen, fix));
  } else if (locked) {
    const seen = `${locked.file} has ${ownName} as ${aliasName}`;
    rows.push(ok('locked', 'the lockfile', seen));
  }
  return rows;
}

/**
 * pnpm, Yarn and Bun keep the versions of a catalog in another file.
 *
 * @param {string} spec
 */
function isCatalog(spec) {
  return spec.startsWith('catalog:');
}

exports.examineDeclared = examineDeclared;
