'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { kept } = require('../kit/kept');
const { run } = require('../kit/run');

/** The package managers and their caches, which stay from one run to the next. */
const folder = path.join(kept, 'matrix');

const platform = `${process.platform}-${process.arch}`;

/** The package managers; npm comes with Node. */
const pnpm = { package: `@pnpm/exe.${platform}`, version: '12.21.0' };
const yarn = { package: '@yarnpkg/cli-dist', version: '4.18.1' };
const bun = { package: `@oven/bun-${platform}`, version: '1.4.5' };

/**
 * The package managers on the command line.
 *
 * @typedef {object} Tools
 * @property {Record<string, string>} versions
 * @property {(bun?: string) => NodeJS.ProcessEnv} env in which programs find them, with
 *   that version of Bun and their shared caches
 */

/**
 * Installs the package managers, unless an earlier run did, and removes our packages from
 * their caches, because a new build has the same version.
 *
 * @param {string[]} otherBuns other versions of Bun
 * @returns {Promise<Tools>}
 */
async function installTools(otherBuns) {
  const managers = path.join(folder, 'managers');
  const pnpmFolder = await installPackage(managers, pnpm);
  const yarnFolder = await installPackage(managers, yarn);
  for (const version of new Set([bun.version, ...otherBuns])) {
    const bunFolder = await installPackage(managers, { ...bun, version });
    linkPrograms(binOf(managers, version), {
      pnpm: path.join(pnpmFolder, 'pnpm'),
      yarn: path.join(yarnFolder, 'bin', 'yarn.js'),
      bun: path.join(bunFolder, 'bin', 'bun'),
      bunx: path.join(bunFolder, 'bin', 'bun'),
    });
  }
  const caches = path.join(folder, 'caches');
  forgetOurs(caches);
  const { stdout } = await run('npm', ['--version']);
  return {
    versions: {
      npm: stdout.trim(),
      pnpm: pnpm.version,
      yarn: yarn.version,
      bun: bun.version,
    },
    env: (version = bun.version) => ({
      PATH: `${binOf(managers, version)}${path.delimiter}${process.env.PATH}`,
      npm_config_cache: path.join(caches, 'npm'),
      npm_config_update_notifier: 'false',
      pnpm_config_store_dir: path.join(caches, 'pnpm-store'),
      pnpm_config_cache_dir: path.join(caches, 'pnpm'),
      YARN_GLOBAL_FOLDER: path.join(caches, 'yarn'),
      YARN_ENABLE_TELEMETRY: '0',
      BUN_INSTALL_CACHE_DIR: path.join(caches, `bun-${version}`),
    }),
  };
}

/**
 * @param {string} managers
 * @param {{ package: string, version: string }} wanted
 * @returns {Promise<string>} the folder of the package
 */
async function installPackage(managers, { package: name, version }) {
  const installed = path.join(managers, `${path.basename(name)}-${version}`);
  const folder = path.join(installed, 'node_modules', name);
  if (fs.existsSync(folder)) return folder;
  console.log(`Installing ${name} ${version} …`);
  // In another folder first, so that an interrupted installation does not count.
  const aside = `${installed}.${process.pid}`;
  fs.mkdirSync(aside, { recursive: true });
  fs.writeFileSync(path.join(aside, 'package.json'), '{"private":true}');
  const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
  const args = ['install', ...options, `${name}@${version}`];
  await run('npm', args, { cwd: aside });
  fs.renameSync(aside, installed);
  return folder;
}

/**
 * @param {string} managers
 * @param {string} bun version
 */
const binOf = (managers, bun) => path.join(managers, `bin-with-bun-${bun}`);

/**
 * @param {string} bin folder
 * @param {Record<string, string>} programs by name
 */
function linkPrograms(bin, programs) {
  fs.rmSync(bin, { recursive: true, force: true });
  fs.mkdirSync(bin);
  for (const [name, file] of Object.entries(programs)) {
    fs.symlinkSync(file, path.join(bin, name));
  }
}

/**
 * Removes our packages from the caches. Yarn and Bun cache a package under its name and version, and Yarn also caches the addresses
 * of a registry that no longer runs.
 *
 * @param {string} caches
 */
function forgetOurs(caches) {
  if (!fs.existsSync(caches)) return;
  const stale = /^(yarn|bun-[\d.]+)\/.*azure-cache|^yarn\/metadata$/;
  for (const name of fs.readdirSync(caches)) {
    if (!/^(yarn|bun-)/.test(name)) continue;
    const below = path.join(caches, name);
    for (const file of foldersAndFiles(below)) {
      const relative = path.relative(caches, file).replaceAll('\\', '/');
      if (stale.test(relative))
        fs.rmSync(file, { recursive: true, force: true });
    }
  }
}

/**
 * The entries of a folder and of its folders, which is as deep as the caches name packages.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function foldersAndFiles(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (!entry.isDirectory()) return [file];
    const below = fs.readdirSync(file).map((name) => path.join(file, name));
    return [file, ...below];
  });
}

exports.installTools = installTools;
