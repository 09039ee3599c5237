'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../lib/root');
const { folders } = require('./folders');
const { container } = require('./servers');

/**
 * Makes a workspace with the package, as `nx add` leaves it.
 *
 * @param {string} workspace
 */
function installPackage(workspace) {
  const modules = path.join(workspace, 'node_modules');
  const alias = path.join(modules, '@nx', 'powerpack-azure-cache');
  fs.cpSync(path.join(folders.packages, 'nx-azure-cache'), alias, {
    recursive: true,
  });
  const platform = `@nx-azure-cache/${process.platform}-${process.arch}`;
  fs.cpSync(
    path.join(folders.packages, platform),
    path.join(modules, platform),
    { recursive: true },
  );
  linkNx(workspace);
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
 */
function linkNx(workspace) {
  const modules = path.join(workspace, 'node_modules');
  fs.mkdirSync(modules, { recursive: true });
  fs.symlinkSync(
    path.join(root, 'node_modules', 'nx'),
    path.join(modules, 'nx'),
  );
}

exports.installPackage = installPackage;
exports.linkNx = linkNx;
