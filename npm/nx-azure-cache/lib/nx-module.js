'use strict';

const path = require('node:path');

/**
 * Loads a module of Nx, such as `src/config/nx-json`: of the Nx that this package finds or,
 * if it finds none, of the workspace's. npx and `yarn dlx` run this package from a folder
 * of their own, and not all of them install Nx there.
 *
 * @param {string} name
 */
function requireNx(name) {
  return require(require.resolve(`nx/${name}`, options()));
}

/** Where to look for Nx: undefined means from here. */
function options() {
  try {
    require.resolve('nx/package.json');
    return undefined;
  } catch {
    const here = process.cwd();
    return { paths: [here, path.join(here, '.nx', 'installation')] };
  }
}

exports.requireNx = requireNx;
