'use strict';

// The commands of the workspace's package manager that lines name.

const { packageManager } = require('./doctor/packages');
const { aliasName } = require('./other-caches');

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

/** @param {string} root of the workspace */
function installCommand(root) {
  return `${packageManager(root)} install`;
}

module.exports = { generatorCommand, installCommand, runCommand, runnerOf };
