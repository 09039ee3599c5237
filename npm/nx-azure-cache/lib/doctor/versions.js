'use strict';

// Whether the versions of Nx, Node.js, the packages and the binary fit together.

const path = require('node:path');
const { binaryPath } = require('../binary');
const manifest = require('../../package.json');
const { aliasName } = require('../other-caches');
const { firstLine } = require('../reason');
const { isOurs } = require('../slot-package');
const { findPackage, packageAround } = require('./packages');
const { rowsOf } = require('./rows');
const { reinstallHint, relativePath } = require('./resolution');

/** @import { Package } from './packages' */
/** @import { Workspace } from './resolution' */
/** @import { Row } from './rows' */

const { ok, warning, failed } = rowsOf('versions');

/** The oldest Nx that loads remote cache packages, and the newest major version tested. */
const oldestNx = [20, 0, 6];
const newestNx = 24;
const oldestNode = 20;

/**
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function examineVersions(workspace) {
  return [
    nxRow(workspace),
    nodeRow(),
    packageRow(workspace),
    ...platformRows(workspace),
  ];
}

/**
 * @param {Workspace} workspace
 * @returns {Row}
 */
function nxRow({ nx, root }) {
  const seen = `${nx.version} (${relativePath(nx.folder, root)})`;
  const [major, minor, patch] = nx.version.split('.').map(Number.parseFloat);
  const [oldMajor, oldMinor, oldPatch] = oldestNx;
  const isOld =
    major < oldMajor ||
    (major === oldMajor && minor === oldMinor && patch < oldPatch);
  if (isOld) {
    const fix = 'npx nx migrate 20 (or later)';
    return failed('nx', 'Nx', `${seen}: ${oldestNx.join('.')} is needed`, fix);
  }
  if (major > newestNx) {
    const tried = `${seen}: this version was tested with Nx ${oldMajor} to ${newestNx}`;
    return warning('nx', 'Nx', tried, 'check for a newer nx-azure-cache');
  }
  return ok('nx', 'Nx', seen);
}

/** @returns {Row} */
function nodeRow() {
  const { version } = process;
  if (Number.parseInt(version.slice(1), 10) >= oldestNode) {
    return ok('node', 'Node.js', version);
  }
  const seen = `${version}: ${oldestNode} or later is needed`;
  return failed('node', 'Node.js', seen, `install Node.js ${oldestNode}`);
}

/**
 * Compares the package of this command with the one that Nx loads.
 *
 * @param {Workspace} workspace
 * @returns {Row}
 */
function packageRow({ root, cwd, nx, manager }) {
  const id = 'npm-package';
  const check = 'nx-azure-cache';
  const { version } = manifest;
  const own = `${version} (${relativePath(path.join(__dirname, '..', '..'), root)})`;
  const loaded = findPackage(aliasName, [cwd, root, nx.folder]);
  if (!loaded || !isOurs(loaded)) return ok(id, check, own);
  if (loaded.version !== version) {
    const seen = `${own}, but ${aliasName} is ${loaded.version}`;
    return failed(id, check, seen, sameVersionHint(manager));
  }
  const reexported = reexportedVersion(loaded);
  if (reexported && reexported !== version) {
    const seen = `${own}, but ${aliasName} uses ${reexported}`;
    return failed(id, check, seen, sameVersionHint(manager));
  }
  return ok(id, check, own);
}

/** @param {string} manager */
function sameVersionHint(manager) {
  return `install ${aliasName} and nx-azure-cache in one version (${manager} install), and run this in the workspace`;
}

/**
 * The version of nx-azure-cache that the alias package for private registries re-exports.
 *
 * @param {Package} loaded
 */
function reexportedVersion({ name, folder }) {
  if (name === 'nx-azure-cache') return undefined;
  return findPackage('nx-azure-cache', [folder])?.version;
}

/**
 * The package with the binary of this platform.
 *
 * @param {Workspace} workspace
 * @returns {Row[]}
 */
function platformRows({ variables, root, manager }) {
  const id = 'platform-package';
  const check = `the binary for ${process.platform}-${process.arch}`;
  const file = variables.NX_AZURE_CACHE_BINARY;
  if (file) {
    const seen = `${file}, of NX_AZURE_CACHE_BINARY`;
    const fix = 'unset it, unless you develop nx-azure-cache';
    return [warning(id, check, seen, fix)];
  }
  try {
    const found = packageAround(path.dirname(binaryPath({ env: variables })));
    const seen = `${found.name} ${found.version} (${relativePath(found.folder, root)})`;
    if (found.version === manifest.version) return [ok(id, check, seen)];
    const wrong = `${seen}, but the package is ${manifest.version}`;
    return [failed(id, check, wrong, reinstallHint(manager))];
  } catch (err) {
    return [failed(id, check, firstLine(err), reinstallHint(manager))];
  }
}

/**
 * The row of a binary that exists but cannot be run. Empty if another row already says
 * why.
 *
 * @param {Row[]} rows
 * @param {string} why
 * @returns {Row[]}
 */
function binaryRow(rows, why) {
  if (rows.some(({ seen }) => seen === why)) return [];
  const fix =
    'make it executable, allow it in the virus scanner, or install again';
  return [failed('binary', 'the binary', `cannot be run: ${why}`, fix)];
}

exports.binaryRow = binaryRow;
exports.examineVersions = examineVersions;
