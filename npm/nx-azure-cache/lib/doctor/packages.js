'use strict';

// Which packages a workspace has. Nothing of them is run: they are resolved as
// Nx resolves them, and their package.json is read.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

/**
 * A package that is installed.
 *
 * @typedef {object} Package
 * @property {string} folder
 * @property {string} name its own, which an alias hides
 * @property {string} version
 * @property {Record<string, string>} dependencies
 * @property {string} [main] what a `require` of it loads
 * @property {string} [broken] why that cannot be found
 */

/**
 * The package that a `require` of `name` finds from some folders, or undefined.
 *
 * @param {string} name
 * @param {string[]} folders
 * @returns {Package | undefined}
 */
function findPackage(name, folders) {
  try {
    const main = require.resolve(name, { paths: folders });
    return { ...packageAround(path.dirname(main)), main };
  } catch (err) {
    const folder = installedFolder(name, folders);
    const { code } = /** @type {NodeJS.ErrnoException} */ (err);
    if (!folder) return undefined;
    return { ...packageAround(folder), broken: code ?? String(err) };
  }
}

/**
 * Where a package is that cannot be resolved.
 *
 * @param {string} name
 * @param {string[]} folders
 */
function installedFolder(name, folders) {
  return folders
    .flatMap((folder) => lookedThrough(name, folder))
    .map((modules) => path.join(modules, name))
    .find((folder) => fs.existsSync(path.join(folder, 'package.json')));
}

/**
 * The folders node_modules of a folder and those above it.
 *
 * @param {string} name
 * @param {string} folder
 */
function lookedThrough(name, folder) {
  return createRequire(path.join(folder, 'x')).resolve.paths(name) ?? [];
}

/**
 * The package that a folder is in. Within one there may be more package.json, to
 * say which kind of modules a folder has.
 *
 * @param {string} folder
 * @returns {Package}
 */
function packageAround(folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    const manifest = readManifest(path.join(at, 'package.json'));
    if (manifest) return { folder: at, ...manifest };
    if (path.dirname(at) === at) {
      return { folder, name: '', version: 'unknown', dependencies: {} };
    }
  }
}

/** @param {string} file */
function readManifest(file) {
  try {
    const { name, version, dependencies } = JSON.parse(
      fs.readFileSync(file, 'utf8'),
    );
    if (typeof name !== 'string' || typeof version !== 'string') {
      return undefined;
    }
    return { name, version, dependencies: { ...dependencies } };
  } catch {
    return undefined;
  }
}

/** What may install packages. */
const managers = ['npm', 'pnpm', 'yarn', 'bun'];

/**
 * What installs packages here. It stands in commands that people paste, and nx.json
 * may name anything.
 *
 * @param {string} root
 * @returns {string}
 */
function packageManager(root) {
  try {
    const { detectPackageManager } = require('nx/src/utils/package-manager');
    const found = detectPackageManager(root);
    return managers.includes(found) ? found : 'npm';
  } catch {
    return 'npm'; // nx.json, which may name one, cannot be read
  }
}

/** @typedef {ReturnType<typeof findNx>} Nx */

/**
 * The Nx that runs in a workspace, which need not be the one that this package
 * finds: `npx` may have fetched both. Where there is no package.json it is in
 * .nx/installation.
 *
 * @param {string} root of the workspace
 */
function findNx(root) {
  const folders = [root, path.join(root, '.nx', 'installation')];
  const manifest = require.resolve('nx/package.json', { paths: folders });
  const nx = packageAround(path.dirname(manifest));
  return {
    ...nx,
    /**
     * The path of one of its modules, such as `tasks-runner/cache`.
     *
     * @param {string} name
     */
    resolve: (name) =>
      require.resolve(`nx/src/${name}`, { paths: [nx.folder] }),
    /**
     * The source of modules of Nx, of those that there are.
     *
     * @param {...string} names
     */
    source(...names) {
      return names
        .map((name) => {
          try {
            return fs.readFileSync(this.resolve(name), 'utf8');
          } catch {
            return '';
          }
        })
        .join('\n');
    },
  };
}

exports.findNx = findNx;
exports.findPackage = findPackage;
exports.packageAround = packageAround;
exports.packageManager = packageManager;
