'use strict';

// Asks the workspace's registry for versions. Only the package manager knows which registry
// that is, and how to sign in there.

const { spawnSync } = require('node:child_process');
const { packageManager } = require('../../lib/doctor/packages');
const { readEnvironment } = require('../../lib/environment');
const { ownName } = require('../../lib/other-caches');
const { firstLine } = require('../../lib/reason');

/**
 * The commands that print the version of a package.
 *
 * @type {Record<string, (spec: string) => string[]>}
 */
const commands = {
  npm: (spec) => ['npm', 'view', spec, 'version', '--json'],
  pnpm: (spec) => ['pnpm', 'view', spec, 'version', '--json'],
  yarn: (spec) => ['yarn', 'npm', 'info', spec, '--fields=version', '--json'],
  bun: (spec) => ['bun', 'info', spec, 'version', '--json'],
};

const isVersion = (/** @type {unknown} */ text) =>
  typeof text === 'string' &&
  /^\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/.test(text);

/**
 * The version of nx-azure-cache that a tag names in the registry of a workspace.
 *
 * @param {string} root of the workspace
 * @param {string} tag
 * @param {NodeJS.ProcessEnv} [env] without .env files
 * @returns {string}
 */
function versionOf(root, tag, env = readEnvironment(root).variables) {
  const [program, ...args] = commands[packageManager(root)](
    `${ownName}@${tag}`,
  );
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ cwd: root, env, encoding: 'utf8', timeout: 60_000, windowsHide: true },
    shell: process.platform === 'win32', // npm is npm.cmd there
  });
  const version = status === 0 ? parse(stdout) : undefined;
  if (version) return version;
  const why = error ?? (stderr.trim() || stdout.trim());
  throw new Error(
    `cannot find ${ownName}@${tag} in the registry (${program} ${args.join(' ')}: ${firstLine(why)}): check the registry, or pass a version with --to=1.2.3`,
  );
}

/**
 * The version that a package manager prints: a string, or the field of an object.
 *
 * @param {string} stdout
 * @returns {string | undefined}
 */
function parse(stdout) {
  try {
    const value = JSON.parse(stdout);
    const version = value?.version ?? value;
    return isVersion(version) ? version : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { isVersion, versionOf };
