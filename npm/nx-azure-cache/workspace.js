'use strict';

/**
 * What of nx.json matters here.
 *
 * @typedef {{ azure?: unknown, defaultBase?: unknown, affected?: { defaultBase?: unknown } }} NxJson
 */

/**
 * What Nx knows of the workspace that the process works in, and of the machine.
 * These modules are where they are in Nx 20.0.6 to 24.0.6.
 */
function readWorkspace() {
  const { workspaceRoot } = require('nx/src/utils/workspace-root');
  const { readNxJson } = require('nx/src/config/nx-json');
  const { isCI } = require('nx/src/utils/is-ci');
  const nxJson = /** @type {NxJson} */ (readNxJson(workspaceRoot));
  return {
    workspaceRoot,
    nxVersion: /** @type {string} */ (require('nx/package.json').version),
    ci: Boolean(isCI()),
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
