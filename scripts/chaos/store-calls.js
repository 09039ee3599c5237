'use strict';

// Records the content of Nx's cache directory each time that Nx calls `store`. If a result is
// already incomplete there, the cause is a race of Nx itself.
//
// installRecorder copies this file over index.js of the package in a workspace; the package's
// own module becomes index-real.js next to it.

const fs = require('node:fs');
const path = require('node:path');

const realName = 'index-real.js';

/** The environment variable that names the file of the calls. */
const variable = 'CHAOS_STORES';

/**
 * A call of `store`. `before` and `after` are the names, modes and sizes in the result's folder
 * before and after our `store` was called.
 *
 * @typedef {object} StoreCall
 * @property {string} hash
 * @property {Record<string, string>} before
 * @property {Record<string, string>} after
 */

/**
 * Makes the package in a workspace record its calls.
 *
 * @param {string} modules folder node_modules
 */
function installRecorder(modules) {
  const folder = path.join(modules, '@nx/powerpack-azure-cache');
  const index = path.join(folder, 'index.js');
  fs.renameSync(index, path.join(folder, realName));
  fs.copyFileSync(__filename, index);
}

/**
 * @param {string} file
 * @returns {StoreCall[]}
 */
function readStoreCalls(file) {
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/**
 * Returns names, modes and sizes below a folder. It reads no content, because it must be faster
 * than other runs that change the folder.
 *
 * @param {string} folder
 */
function snapshot(folder) {
  /** @type {Record<string, string>} */
  const found = {};
  const folders = [''];
  for (let below; (below = folders.pop()) !== undefined;) {
    for (const name of list(path.join(folder, below))) {
      const file = path.join(below, name);
      const stat = fs.lstatSync(path.join(folder, file), {
        throwIfNoEntry: false,
      });
      if (!stat) continue;
      found[file] = facts(stat);
      if (stat.isDirectory()) folders.push(file);
    }
  }
  return found;
}

/** @param {fs.Stats} stat */
function facts(stat) {
  const size = stat.isFile() ? ` ${stat.size}` : '';
  return `${stat.mode.toString(8)}${size}`;
}

/** @param {string} folder */
function list(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return []; // gone, or not a folder
  }
}

/** @returns {Promise<unknown>} */
async function getRemoteCache() {
  const real = require(path.join(__dirname, realName));
  const cache = await real.getRemoteCache();
  const file = process.env[variable];
  if (!cache || !file) return cache;
  return {
    retrieve: (/** @type {unknown[]} */ ...args) => cache.retrieve(...args),
    store(
      /** @type {string} */ hash,
      /** @type {string} */ cacheDirectory,
      /** @type {unknown[]} */ ...rest
    ) {
      const folder = path.join(cacheDirectory, hash);
      const before = snapshot(folder);
      const stored = cache.store(hash, cacheDirectory, ...rest);
      const call = { hash, before, after: snapshot(folder) };
      fs.appendFileSync(file, `${JSON.stringify(call)}\n`);
      return stored;
    },
  };
}

exports.getRemoteCache = getRemoteCache;
exports.installRecorder = installRecorder;
exports.readStoreCalls = readStoreCalls;
exports.variable = variable;
