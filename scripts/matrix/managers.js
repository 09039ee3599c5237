'use strict';

const { specifier } = require('../kit/names');

/**
 * The commands of a package manager.
 *
 * @typedef {object} Manager
 * @property {string} tool its program
 * @property {Record<string, string>} files of the workspace, by name
 * @property {string[]} install installs in a new workspace
 * @property {string[]} ci installs in a clone what the lockfile says
 * @property {string[]} add adds the alias, without `nx add`
 * @property {string[]} exec runs a program of the workspace's packages
 * @property {string[]} node runs a script that finds the workspace's packages
 * @property {string[]} omitOptional the option that skips optional packages, if there is one
 * @property {RegExp} [nxAddError] the error of `nx add` with the alias, where it cannot
 *   work
 */

/** @typedef {(registry: string) => Manager} ManagerOf */

const managers = {
  /** @type {ManagerOf} */
  npm: (registry) => ({
    tool: 'npm',
    files: {
      '.npmrc': lines(
        `registry=${registry}`,
        'ignore-scripts=true',
        'audit=false',
        'fund=false',
      ),
    },
    install: ['npm', 'install'],
    // Not `npm ci`, see scripts/kit/install.js.
    ci: ['npm', 'install'],
    add: ['npm', 'install', '--save-dev', specifier],
    exec: ['npx', '--no-install'],
    omitOptional: ['--omit=optional'],
    node: ['node'],
  }),

  /** @type {ManagerOf} */
  pnpm: (registry) => ({
    tool: 'pnpm',
    files: {
      '.npmrc': lines(`registry=${registry}`),
      'pnpm-workspace.yaml': lines('packages: []', 'ignoreScripts: true'),
    },
    install: ['pnpm', 'install'],
    ci: ['pnpm', 'install', '--frozen-lockfile'],
    add: ['pnpm', 'add', '--save-dev', '--workspace-root', specifier],
    exec: ['pnpm', 'exec'],
    omitOptional: ['--no-optional'],
    node: ['node'],
  }),

  /** @type {ManagerOf} */
  'yarn-node-modules': (registry) => yarn(registry, 'node-modules'),

  /** @type {ManagerOf} */
  'yarn-pnp': (registry) => yarn(registry, 'pnp'),

  /** @type {ManagerOf} */
  bun: (registry) => ({
    tool: 'bun',
    files: {
      'bunfig.toml': lines(
        '[install]',
        `registry = "${registry}"`,
        'ignoreScripts = true',
      ),
    },
    install: ['bun', 'install'],
    ci: ['bun', 'install', '--frozen-lockfile'],
    add: ['bun', 'add', '--dev', specifier],
    exec: ['bunx', '--no-install'],
    omitOptional: ['--omit=optional'],
    node: ['node'],
  }),
};

/**
 * @param {string} registry
 * @param {'node-modules' | 'pnp'} linker
 * @returns {Manager}
 */
function yarn(registry, linker) {
  return {
    tool: 'yarn',
    files: {
      '.yarnrc.yml': lines(
        `nodeLinker: ${linker}`,
        `npmRegistryServer: "${registry}"`,
        'unsafeHttpWhitelist: ["127.0.0.1"]',
        'enableScripts: false',
        // This run published the packages a minute ago.
        'npmMinimalAgeGate: 0',
      ),
      // Without this file, Yarn treats the folder as part of a project above it.
      'yarn.lock': '',
    },
    install: ['yarn', 'install'],
    ci: ['yarn', 'install', '--immutable'],
    // Yarn reads an alias without a version as a tag, and `nx add` cannot parse one with a
    // version.
    add: ['yarn', 'add', '--dev', `${specifier}@latest`],
    exec: ['yarn'],
    omitOptional: [],
    node: ['yarn', 'node'],
    nxAddError: /Registry failed to return tag "nx-azure-cache"/,
  };
}

/** @param {string[]} text */
const lines = (...text) => text.map((line) => `${line}\n`).join('');

exports.managers = managers;
