'use strict';

// node probe.js WORKSPACE [PACKAGE …]: prints, as JSON, which versions of our
// package and of others a workspace resolves, and what our package resolves. The workspace's
// package manager runs it, so it resolves what Nx resolves.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

/** The modules that the shim loads from Nx and from its one dependency. */
const modules = [
  'nx/package.json',
  'nx/src/config/nx-json',
  'nx/src/tasks-runner/cache',
  'nx/src/utils/is-ci',
  'nx/src/utils/workspace-root',
  'vscode-jsonrpc/node',
];

const [folder, ...beside] = process.argv.slice(2);
const workspace = createRequire(path.join(folder, 'package.json'));
const alias = createRequire(workspace.resolve('@nx/powerpack-azure-cache'));
const ours =
  alias('./package.json').name === 'nx-azure-cache'
    ? alias
    : createRequire(alias.resolve('nx-azure-cache')); // the alias package

const nx = path.dirname(workspace.resolve('nx/package.json'));
const binary = ours('./lib/binary').binaryPath({ env: process.env });

console.log(
  JSON.stringify({
    nx: workspace('nx/package.json').version,
    version: ours('./package.json').version,
    index: sha256(ours.resolve('./index.js')),
    // Our own dependency, even if the workspace has another version.
    rpc: versionOf(ours, 'vscode-jsonrpc'),
    beside: Object.fromEntries(
      beside.map((name) => [name, versionOf(workspace, name)]),
    ),
    missing: modules.filter((name) => !canLoad(name)),
    // With two copies of Nx, the one we wrap would not be the one that runs.
    otherNx: path.dirname(ours.resolve('nx/package.json')) !== nx,
    binary: sha256(binary),
    isExecutable: (fs.statSync(binary).mode & 0o111) === 0o111,
    isInArchive: /\.zip[\\/]/.test(binary),
  }),
);

/** @param {string} name */
function canLoad(name) {
  try {
    ours(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * The version of a package. Some packages do not export their package.json.
 *
 * @param {NodeJS.Require} require
 * @param {string} name
 */
function versionOf(require, name) {
  let below = path.dirname(require.resolve(name));
  for (; !below.endsWith(path.normalize(name)); below = path.dirname(below));
  const manifest = path.join(below, 'package.json');
  return JSON.parse(fs.readFileSync(manifest, 'utf8')).version;
}

/** @param {string} file */
function sha256(file) {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}
