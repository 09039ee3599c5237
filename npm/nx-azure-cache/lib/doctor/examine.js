'use strict';

// The part of `nx-azure-cache doctor` that needs Node.js: which package Nx loads here. The
// binary runs the other checks and prints all of them.

const { requireNx } = require('../nx-module');
const { firstLine } = require('../reason');
const { workspaceRoot } = require('../workspace');
const { examineDeclared } = require('./declared');
const { findNx, packageManager } = require('./packages');
const { rowsOf } = require('./rows');
const { examineResolution } = require('./resolution');
const { examineOverrides } = require('./overrides');
const { examineVersions } = require('./versions');

/** @import { Environment } from '../environment' */
/** @import { Row } from './rows' */
/** @import { Workspace } from './resolution' */

/**
 * Examines a workspace. It loads Nx and this package, and no other code of the workspace.
 *
 * @param {Environment} environment
 * @param {string} [root] of the workspace
 * @returns {Row[]}
 */
function examine({ variables }, root = workspaceRoot()) {
  /** @type {Workspace} */
  let workspace;
  try {
    const nx = findNx(root);
    workspace = {
      nx,
      root,
      cwd: process.cwd(),
      nxJson: readNxJson(root),
      env: process.env,
      variables,
      manager: packageManager(root),
    };
  } catch {
    const fix =
      'run this in the workspace, with its packages installed (npm install)';
    const { failed } = rowsOf('versions');
    return [failed('nx', 'Nx', `not installed in ${root}`, fix)];
  }
  return [
    ...rowsOrUnknown('package', () => examineOverrides(workspace)),
    ...rowsOrUnknown('package', () => examineResolution(workspace)),
    ...rowsOrUnknown('package', () => examineDeclared(workspace)),
    ...rowsOrUnknown('versions', () => examineVersions(workspace)),
  ];
}

/**
 * nx.json including what it extends. The binary reports errors in it.
 *
 * @param {string} root
 */
function readNxJson(root) {
  try {
    return requireNx('src/config/nx-json').readNxJson(root) ?? {};
  } catch {
    return {};
  }
}

/**
 * The rows of a part, or one row that says that it cannot be examined.
 *
 * @param {Row['part']} part
 * @param {() => Row[]} look
 */
function rowsOrUnknown(part, look) {
  try {
    return look();
  } catch (err) {
    const { unknown } = rowsOf(part);
    return [
      unknown(part, `the ${part}`, `cannot be examined: ${firstLine(err)}`),
    ];
  }
}

exports.examine = examine;
