'use strict';

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
  const nxJson = /** @type {NxJson} */ (readNxJson(workspaceRoot));
  return {
    workspaceRoot,
    nxVersion: /** @type {string} */ (require('nx/package.json').version),
    ci: environment.during(() => Boolean(isCI())),
    claims: environment.sent(),
    config: nxJson.azure,
    defaultBase: defaultBase(nxJson),
  };
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
