'use strict';

// Which packages a workspace has. It resolves them as Nx does and reads their package.json,
// but runs none of their code.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { requireNx } = require('../nx-module');

/**
 * An installed package.
 *
 * @typedef {object} Package
 * @property {string} folder
 * @property {string} name its own name, not an alias
 * @property {string} version
 * @property {Record<string, string>} dependencies
 * @property {string} [main] the file that `require` loads
 * @property {string} [broken] why that file cannot be found
 */

/**
 * The package that `require(name)` finds from these folders, or undefined.
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
 * The folder of an installed package that cannot be resolved.
 *
 * @param {string} name
 * @param {string[]} folders
 */
function installedFolder(name, folders) {
  return folders
    .flatMap((folder) => nodeModulesFolders(name, folder))
    .map((modules) => path.join(modules, name))
    .find((folder) => fs.existsSync(path.join(folder, 'package.json')));
}

/**
 * The node_modules folders of a folder and its parents.
 *
 * @param {string} name
 * @param {string} folder
 */
function nodeModulesFolders(name, folder) {
  return createRequire(path.join(folder, 'x')).resolve.paths(name) ?? [];
}

/**
 * The package that contains a folder. It skips a package.json without a name and version,
 * which only sets the module type of a folder.
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

/** The known package managers. */
const managers = ['npm', 'pnpm', 'yarn', 'bun'];

/**
 * The workspace's package manager. It appears in commands that people paste, so an unknown
 * name in nx.json is not used.
 *
 * @param {string} root
 * @returns {string}
 */
function packageManager(root) {
  try {
    const { detectPackageManager } = requireNx('src/utils/package-manager');
    const found = detectPackageManager(root);
    return managers.includes(found) ? found : 'npm';
  } catch {
    return 'npm'; // nx.json cannot be read
  }
}

/** @typedef {ReturnType<typeof findNx>} Nx */

/**
 * The Nx of a workspace. It may differ from the one that this package finds, because `npx`
 * may have fetched both. In a workspace without package.json, it is in .nx/installation.
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
     * The path of a module of Nx, such as `tasks-runner/cache`.
     *
     * @param {string} name
     */
    resolve: (name) =>
      require.resolve(`nx/src/${name}`, { paths: [nx.folder] }),
    /**
     * The source of those modules of Nx that exist.
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
