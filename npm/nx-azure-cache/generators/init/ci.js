'use strict';

// The file that runs Nx in the CI of this repository. It is the one of docs/ci, with the
// branch and the package manager of the workspace. What the checkout says is data.

const fs = require('node:fs');
const path = require('node:path');
const { docs } = require('../../lib/diagnostics');
const { packageManager } = require('../../lib/doctor/packages');
const { runnerOf } = require('../../lib/package-manager');
const { git } = require('./git');

/** @import { Tree } from 'nx/src/generators/tree' */

/**
 * @typedef {object} Ci
 * @property {string} name
 * @property {string} template
 * @property {string} file
 * @property {string} page in docs/ci
 * @property {RegExp} host of the repository
 */

/** @type {Record<string, Ci>} */
const systems = {
  jenkins: {
    name: 'Jenkins',
    template: 'Jenkinsfile',
    file: 'Jenkinsfile',
    page: 'jenkins.md',
    host: /(?!)/, // none
  },
  gitlab: {
    name: 'GitLab',
    template: 'gitlab.yml',
    file: '.gitlab-ci.yml',
    page: 'gitlab.md',
    host: /(^|\.)gitlab\./,
  },
  azure: {
    name: 'Azure Pipelines',
    template: 'azure.yml',
    file: 'azure-pipelines.yml',
    page: 'azure-pipelines.md',
    host: /(^|\.)(dev\.azure\.com|visualstudio\.com)$/,
  },
  github: {
    name: 'GitHub Actions',
    template: 'github.yml',
    file: '.github/workflows/ci.yml',
    page: 'github-actions.md',
    host: /(^|\.)github\.com$/,
  },
};

/**
 * How another package manager installs, and what a workflow of GitHub needs before
 * `actions/setup-node`.
 */
const managers = new Map([
  [
    'pnpm',
    {
      install: 'pnpm install --frozen-lockfile',
      setup: 'uses: pnpm/action-setup@v4',
      cache: 'pnpm',
    },
  ],
  [
    'yarn',
    {
      install: 'yarn install --immutable',
      setup: 'run: corepack enable',
      cache: 'yarn',
    },
  ],
  [
    'bun',
    {
      install: 'bun install --frozen-lockfile',
      setup: 'uses: oven-sh/setup-bun@v2',
      cache: '',
    },
  ],
]);

/**
 * The CI of a repository: the one that it has a file for, or the one of its host. Undefined
 * if neither is known.
 *
 * @param {Tree} tree
 * @returns {string | undefined}
 */
function detectCi(tree) {
  const names = Object.keys(systems);
  const host = hostOf(tree.root);
  return (
    names.find((ci) => tree.exists(systems[ci].file)) ??
    (tree.exists('.github/workflows') ? 'github' : undefined) ??
    names.find((ci) => systems[ci].host.test(host))
  );
}

/**
 * The host of the repository `origin`; '' if it is unknown.
 *
 * @param {string} root
 */
function hostOf(root) {
  const url = git(root, ['config', '--get', 'remote.origin.url']);
  const [, host] = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([\w.-]+)/i.exec(url) ?? [];
  return host?.toLowerCase() ?? '';
}

/**
 * Writes the file of a CI, never over an existing one.
 *
 * @param {Tree} tree
 * @param {string} ci
 * @param {string | undefined} branch the main branch
 * @returns {string[]} what was done, and what is left to do
 */
function writeCiFile(tree, ci, branch) {
  const { template, file, page } = systems[ci];
  const link = `${docs}ci/${page}`;
  if (isOccupied(tree, file)) {
    return [
      `${file}: kept, because it exists. ${link} shows what it needs for the cache.`,
    ];
  }
  const manager = packageManager(tree.root);
  const text = fs.readFileSync(
    path.join(__dirname, 'templates', template),
    'utf8',
  );
  const withManager = useManager(text, ci, manager);
  const namesBranch = useBranch(text, 'x') !== text;
  const isPlain = branch === undefined || /^[A-Za-z_][\w./-]*$/.test(branch);
  tree.write(file, isPlain ? useBranch(withManager, branch) : withManager);
  return [
    `${file}: written. ${link} explains the identities, variables and secrets that it names.`,
    ...(isPlain || !namesBranch
      ? []
      : [`${file}: replace the branch main by yours, ${branch}.`]),
    ...setupLines(tree, ci, manager),
  ];
}

/**
 * What a CI file needs for another package manager than npm, which Node brings along.
 *
 * @param {Tree} tree
 * @param {string} ci
 * @param {string} manager
 */
function setupLines(tree, ci, manager) {
  const { file } = systems[ci];
  if (manager === 'npm') return [];
  if (ci !== 'github') {
    return [
      `${file}: add a step that installs ${manager} before the first one.`,
    ];
  }
  const manifest = tree.read('package.json', 'utf8') ?? '';
  if (manager !== 'pnpm' || manifest.includes('"packageManager"')) return [];
  return [
    `package.json: set "packageManager", from which pnpm/action-setup takes the version of pnpm.`,
  ];
}

/**
 * Whether something is in the place of a file, also a link, or a link on the way there:
 * Nx would write through it.
 *
 * @param {Tree} tree
 * @param {string} file
 */
function isOccupied(tree, file) {
  const parts = file.split('/');
  return (
    tree.exists(file) ||
    parts.some((_, at) => {
      const part = path.join(tree.root, ...parts.slice(0, at + 1));
      const info = fs.lstatSync(part, { throwIfNoEntry: false });
      return (
        info !== undefined && (info.isSymbolicLink() || !info.isDirectory())
      );
    })
  );
}

/**
 * @param {string} text
 * @param {string} ci
 * @param {string} name of the package manager
 */
function useManager(text, ci, name) {
  const manager = managers.get(name);
  if (!manager) return text;
  const { install, setup, cache } = manager;
  const common = text
    .replaceAll('npm ci', install)
    .replaceAll('npx nx', `${runnerOf(name)} nx`);
  if (ci !== 'github') return common;
  return common
    .replaceAll('cache: npm', cache ? `cache: ${cache}` : '')
    .replaceAll(/\n +$/gm, '')
    .replaceAll(
      /^( *)- (?=uses: actions\/setup-node)/gm,
      (step, space) => `${space}- ${setup}\n${step}`,
    );
}

/**
 * @param {string} text
 * @param {string} [branch]
 */
function useBranch(text, branch = 'main') {
  if (branch === 'main') return text;
  // In quotes, because YAML reads a name such as `on` as another value.
  return text
    .replaceAll('branches: [main]', () => `branches: ['${branch}']`)
    .replaceAll(/^  - main$/gm, () => `  - '${branch}'`)
    .replaceAll("'refs/heads/main'", () => `'refs/heads/${branch}'`)
    .replaceAll("branch 'main'", () => `branch '${branch}'`);
}

module.exports = { detectCi, isOccupied, systems, writeCiFile };
