'use strict';

// Replaces the package in a workspace with several runs, and records what Nx has in its cache
// directory when it calls `store`. A result that is incomplete
// there already comes from a race of Nx's own.
//
// The file becomes index.js of the package, whose own one is index-real.js beside it.

const fs = require('node:fs');
const path = require('node:path');

/** The package's own module in a workspace, and where the notes go. */
const realName = 'index-real.js';
const variable = 'CHAOS_STORES';

/**
 * What Nx handed over: names with mode and size, before and after our call began.
 *
 * @typedef {object} Note
 * @property {string} hash
 * @property {Record<string, string>} before
 * @property {Record<string, string>} after
 */

/**
 * Puts the witness before the package of a workspace.
 *
 * @param {string} modules folder node_modules
 */
function install(modules) {
  const folder = path.join(modules, '@nx/powerpack-azure-cache');
  const index = path.join(folder, 'index.js');
  fs.renameSync(index, path.join(folder, realName));
  fs.copyFileSync(__filename, index);
}

/**
 * @param {string} file
 * @returns {Note[]}
 */
function readNotes(file) {
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/**
 * Names, modes and sizes below a folder. It looks fast, as others may change it.
 *
 * @param {string} folder
 */
function look(folder) {
  /** @type {Record<string, string>} */
  const seen = {};
  const folders = [''];
  for (let below; (below = folders.pop()) !== undefined;) {
    for (const name of list(path.join(folder, below))) {
      const file = path.join(below, name);
      const stat = fs.lstatSync(path.join(folder, file), {
        throwIfNoEntry: false,
      });
      if (!stat) continue;
      seen[file] = facts(stat);
      if (stat.isDirectory()) folders.push(file);
    }
  }
  return seen;
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
    return []; // it is gone, or no folder
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
      const before = look(folder);
      const stored = cache.store(hash, cacheDirectory, ...rest);
      const note = { hash, before, after: look(folder) };
      fs.appendFileSync(file, `${JSON.stringify(note)}\n`);
      return stored;
    },
  };
}

exports.getRemoteCache = getRemoteCache;
exports.install = install;
exports.readNotes = readNotes;
exports.variable = variable;
