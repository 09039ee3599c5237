'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * What of nx.json matters here.
 *
 * @typedef {{ azure?: unknown, defaultBase?: unknown, affected?: { defaultBase?: unknown } }} NxJson
 */

/** @import { Environment } from './environment' */

/**
 * What Nx knows of the workspace that the process works in, and of the machine.
 * These modules are where they are in Nx 20.0.6 to 24.0.6.
 *
 * @param {Environment} environment
 */
function readWorkspace(environment) {
  const { workspaceRoot } = require('nx/src/utils/workspace-root');
  const { readNxJson } = require('nx/src/config/nx-json');
  const { isCI } = require('nx/src/utils/is-ci');
  const { readJsonFile } = require('nx/src/utils/fileutils');
  const nxJson = /** @type {NxJson} */ (readNxJson(workspaceRoot));
  const file = path.join(workspaceRoot, 'nx.json');
  const own = /** @type {NxJson} */ (
    fs.existsSync(file) ? readJsonFile(file) : nxJson
  );
  return {
    workspaceRoot,
    nxVersion: /** @type {string} */ (require('nx/package.json').version),
    ci: environment.withOuterVariables(() => Boolean(isCI())),
    claims: environment.claimsForServer(),
    config: nxJson.azure,
    // Nx merges the keys of the two files; what nx.json itself names counts.
    defaultBase: defaultBase(own) ?? defaultBase(nxJson),
    extended: extendedKeys(own, nxJson),
  };
}

/**
 * Which of the keys `azure` and `defaultBase` come from a file that nx.json extends.
 * Nx hashes nx.json with every task, but not that file.
 *
 * @param {NxJson} own nx.json as it is written
 * @param {NxJson} nxJson with the keys of the other file
 */
function extendedKeys(own, nxJson) {
  const keys = [];
  if (nxJson.azure !== undefined && !Object.hasOwn(own, 'azure')) {
    keys.push('azure');
  }
  if (defaultBase(own) === undefined && defaultBase(nxJson) !== undefined) {
    keys.push('defaultBase');
  }
  return keys.length > 0 ? keys : undefined;
}

/**
 * The branch that Nx compares with, where nx.json names one. Until Nx 20 that could
 * stand in `affected`.
 *
 * @param {NxJson} nxJson
 */
function defaultBase({ defaultBase, affected }) {
  const base = defaultBase ?? affected?.defaultBase;
  return typeof base === 'string' ? base : undefined;
}

/** The folder of the workspace, or where this runs. */
function workspaceRoot() {
  try {
    return require('nx/src/utils/workspace-root').workspaceRoot;
  } catch {
    return process.cwd();
  }
}

/**
 * Sets the variables of the files .env of the workspace, as Nx does before it runs
 * anything: what is found must be what Nx finds.
 */
function loadEnvFiles() {
  try {
    const { workspaceRoot } = require('nx/src/utils/workspace-root');
    require('nx/src/utils/dotenv').loadRootEnvFiles(workspaceRoot);
  } catch {
    // Without Nx there is nothing that it would set.
  }
}

exports.defaultBase = defaultBase;
exports.loadEnvFiles = loadEnvFiles;
exports.readWorkspace = readWorkspace;
exports.workspaceRoot = workspaceRoot;
