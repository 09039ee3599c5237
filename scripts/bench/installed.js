'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { alias, platformPackage } = require('../kit/names');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { folders } = require('./folders');
const { container } = require('./servers');

/**
 * Makes a workspace with the package, as `nx add` leaves it.
 *
 * @param {string} workspace
 * @param {string} [nx] the folder of another version of Nx
 */
function installPackage(workspace, nx) {
  const modules = path.join(workspace, 'node_modules');
  const ours = path.join(modules, alias);
  fs.cpSync(path.join(folders.packages, 'nx-azure-cache'), ours, {
    recursive: true,
  });
  fs.cpSync(
    path.join(folders.packages, platformPackage),
    path.join(modules, platformPackage),
    { recursive: true },
  );
  linkNx(workspace, nx);
  fs.symlinkSync(
    path.join(root, 'node_modules', 'vscode-jsonrpc'),
    path.join(modules, 'vscode-jsonrpc'),
  );
  fs.writeFileSync(
    path.join(workspace, 'nx.json'),
    JSON.stringify({ azure: { container } }),
  );
}

/**
 * Makes a workspace in which Nx is installed.
 *
 * @param {string} workspace
 * @param {string} [nx] the folder of another version of it
 */
function linkNx(workspace, nx = path.join(root, 'node_modules', 'nx')) {
  const modules = path.join(workspace, 'node_modules');
  fs.mkdirSync(modules, { recursive: true });
  fs.symlinkSync(nx, path.join(modules, 'nx'));
}

/**
 * Installs a version of Nx, unless an earlier run did.
 *
 * @param {string} version
 * @returns {Promise<string>} its folder
 */
async function installNx(version) {
  const folder = path.join(folders.nx, version);
  const nx = path.join(folder, 'node_modules', 'nx');
  if (!fs.existsSync(path.join(folder, 'ready'))) {
    fs.mkdirSync(folder, { recursive: true });
    const manifest = { private: true, dependencies: { nx: version } };
    fs.writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify(manifest),
    );
    const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...options], { cwd: folder });
    fs.writeFileSync(path.join(folder, 'ready'), '');
  }
  return nx;
}

exports.installNx = installNx;
exports.installPackage = installPackage;
exports.linkNx = linkNx;
