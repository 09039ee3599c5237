'use strict';

// The commands of the workspace's package manager that lines name.

const fs = require('node:fs');
const path = require('node:path');
const { packageManager } = require('./doctor/packages');
const { aliasName, ownName } = require('./other-caches');

/** What runs a program of the workspace's packages; npm's is `npx`. */
const runners = new Map([
  ['pnpm', 'pnpm exec'],
  ['yarn', 'yarn'],
  ['bun', 'bunx'],
]);

/**
 * The command that runs a program of the workspace's packages: `npx nx reset`.
 *
 * @param {string} root of the workspace
 * @param {string} program with its arguments
 */
function runCommand(root, program) {
  return `${runnerOf(packageManager(root))} ${program}`;
}

/** @param {string} manager the package manager */
function runnerOf(manager) {
  return runners.get(manager) ?? 'npx';
}

/**
 * The command that runs one of our generators: `npx nx g @nx/powerpack-azure-cache:init`.
 *
 * @param {string} root of the workspace
 * @param {string} generator with its arguments
 */
function generatorCommand(root, generator) {
  return runCommand(root, `nx g ${aliasName}:${generator}`);
}

/**
 * The command that restores a lost alias. Of the managers, only npm and Bun run a generator
 * then: Yarn runs nothing while package.json and its lockfile differ, and pnpm first installs
 * what package.json says.
 *
 * @param {string} root of the workspace
 */
function repairCommand(root) {
  const spec = `${aliasName}@npm:${ownName}@latest`;
  switch (packageManager(root)) {
    case 'pnpm': {
      const isWorkspace = fs.existsSync(path.join(root, 'pnpm-workspace.yaml'));
      const flag = isWorkspace ? ' --workspace-root' : '';
      return `pnpm add --save-dev${flag} ${spec}`;
    }
    case 'yarn':
      return `yarn add --dev ${spec}`;
    default:
      return generatorCommand(root, 'update');
  }
}

/** @param {string} root of the workspace */
function installCommand(root) {
  return `${packageManager(root)} install`;
}

module.exports = {
  ...{ generatorCommand, installCommand, repairCommand, runCommand, runnerOf },
};
