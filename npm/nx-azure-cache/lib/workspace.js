'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { requireNx } = require('./nx-module');

/**
 * The parts of nx.json that the cache uses.
 *
 * @typedef {{ azure?: unknown, defaultBase?: unknown, affected?: { defaultBase?: unknown } }} NxJson
 */

/** @import { Environment } from './environment' */

/**
 * What Nx knows about the current workspace and the machine. The modules below exist in
 * Nx 20.0.6 to 24.0.6.
 *
 * @param {Environment} environment
 */
function readWorkspace(environment) {
  const { workspaceRoot } = requireNx('src/utils/workspace-root');
  const { readNxJson } = requireNx('src/config/nx-json');
  const { isCI } = requireNx('src/utils/is-ci');
  const { readJsonFile } = requireNx('src/utils/fileutils');
  const nxJson = /** @type {NxJson} */ (readNxJson(workspaceRoot));
  const file = path.join(workspaceRoot, 'nx.json');
  const own = /** @type {NxJson} */ (
    fs.existsSync(file) ? readJsonFile(file) : nxJson
  );
  return {
    workspaceRoot,
    nxVersion: /** @type {string} */ (requireNx('package.json').version),
    ci: environment.withOuterVariables(() => Boolean(isCI())),
    claims: environment.claimsForServer(),
    config: nxJson.azure,
    // Nx merges the keys of the two files. If nx.json itself names a branch, use that.
    defaultBase: defaultBase(own) ?? defaultBase(nxJson),
    extended: extendedKeys(own, nxJson),
  };
}

/**
 * Which of the keys `azure` and `defaultBase` come from a file that nx.json extends. Nx
 * hashes nx.json with every task, but not that file.
 *
 * @param {NxJson} own nx.json as written
 * @param {NxJson} nxJson including the keys of the other file
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
 * The branch that Nx compares with, if nx.json names one. Up to Nx 20 it could be in
 * `affected`.
 *
 * @param {NxJson} nxJson
 */
function defaultBase({ defaultBase, affected }) {
  const base = defaultBase ?? affected?.defaultBase;
  return typeof base === 'string' ? base : undefined;
}

/** The workspace's root, or the current directory. */
function workspaceRoot() {
  try {
    return requireNx('src/utils/workspace-root').workspaceRoot;
  } catch {
    return process.cwd();
  }
}

/**
 * Loads the workspace's .env files, as Nx does before it runs anything, so that commands
 * see what Nx sees.
 */
function loadEnvFiles() {
  try {
    const { workspaceRoot } = requireNx('src/utils/workspace-root');
    requireNx('src/utils/dotenv').loadRootEnvFiles(workspaceRoot);
  } catch {
    // Without Nx, nothing loads them.
  }
}

exports.defaultBase = defaultBase;
exports.loadEnvFiles = loadEnvFiles;
exports.readWorkspace = readWorkspace;
exports.workspaceRoot = workspaceRoot;
