'use strict';

// npm run build [-- --all] [-- --issuers FILE]
//
// Makes the npm packages in dist/npm: the main package, the alias package, and
// the package of this platform, or with --all of every platform in
// npm/platforms.json. npm publishes only a build with --all. With --issuers the
// binaries trust the license issuers of FILE (a JWKS) and not the development
// issuer: that is a release build.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { runMain } = require('./kit/cleanup');
const { go } = require('./kit/go');
const { root } = require('./kit/root');

/** @typedef {{ os: string, cpu: string, goos: string, goarch: string }} Platform */
/** @typedef {{ targets?: Platform[], issuers?: string, out?: string, compile?: Compile }} Options */
/** @typedef {(file: string, platform: Platform, issuers?: string) => Promise<void>} Compile */

/** @type {Platform[]} */
const platforms = readJson('npm/platforms.json');
const { version, license, repository, engines } = readJson('package.json');

/**
 * @param {Options} [options] `targets` is the platform of this machine by default; `out`
 *   is relative to the repository, and is emptied first; `compile` is another one in tests
 * @returns {Promise<string>} the folder of the packages
 */
async function build({
  targets = platforms.filter(isThisMachine),
  issuers,
  out = 'dist/npm',
  compile = buildBinary,
} = {}) {
  // Not `if (issuers)`: an unset variable in a release script gives ''.
  if (issuers !== undefined) await checkIssuers(issuers);
  const folder = path.resolve(root, out);
  fs.rmSync(folder, { recursive: true, force: true });
  if (targets.length === 0) {
    throw new Error(
      `npm/platforms.json has no ${process.platform}-${process.arch}`,
    );
  }
  for (const platform of targets) {
    await buildPlatformPackage(folder, platform, issuers, compile);
  }
  buildMainPackage(folder);
  buildAliasPackage(folder);
  if (targets.length < platforms.length) refuseToPublish(folder, targets);
  return folder;
}

/**
 * Checks the issuers. Otherwise an empty file would build binaries that trust the
 * development issuer, and a broken file binaries that trust no one.
 *
 * @param {string} issuers path of a JWKS
 */
async function checkIssuers(issuers) {
  const file = path.resolve(issuers);
  await go(['run', './cmd/nx-azure-license', 'check-issuers', file]);
}

/** @param {Platform} platform */
const isThisMachine = ({ os, cpu }) =>
  os === process.platform && cpu === process.arch;

/** @param {Platform} platform */
const packageName = ({ os, cpu }) => `@nx-azure-cache/${os}-${cpu}`;

/**
 * @param {string} folder
 * @param {Platform} platform
 * @param {string | undefined} issuers
 * @param {Compile} compile
 */
async function buildPlatformPackage(folder, platform, issuers, compile) {
  const { os, cpu } = platform;
  const name = packageName(platform);
  const file = os === 'win32' ? 'nx-azure-cache.exe' : 'nx-azure-cache';
  await compile(path.join(folder, name, 'bin', file), platform, issuers);
  writeJson(path.join(folder, name, 'package.json'), {
    name,
    version,
    description: `The binary of nx-azure-cache for ${os} on ${cpu}`,
    license,
    repository,
    os: [os],
    cpu: [cpu],
    preferUnplugged: true,
    files: ['bin'],
    engines,
  });
  fs.writeFileSync(
    path.join(folder, name, 'README.md'),
    `# ${name}\n\nThe binary of [nx-azure-cache](https://www.npmjs.com/package/nx-azure-cache) for ${os} on ${cpu}.\n`,
  );
  copy('LICENSE', path.join(folder, name, 'LICENSE'));
}

/**
 * Builds the binary: static, without paths or build IDs, so that the same
 * source gives the same bytes anywhere.
 *
 * @param {string} file
 * @param {Pick<Platform, 'goos' | 'goarch'>} platform
 * @param {string} [issuers] path of a JWKS
 * @param {string} [source] folder of the module
 */
async function buildBinary(file, { goos, goarch }, issuers, source = root) {
  const flags = ['-s', '-w', '-buildid=', `-X main.version=${version}`];
  if (issuers !== undefined) {
    const jwks = fs.readFileSync(issuers).toString('base64');
    const variable = 'github.com/nx-azure-cache/nx-azure-cache/license.issuers';
    flags.push(`-X ${variable}=${jwks}`);
  }
  const args = ['-ldflags', flags.join(' '), '-o', file];
  await go(['build', ...args, './cmd/nx-azure-cache'], {
    cwd: source,
    env: { GOOS: goos, GOARCH: goarch },
  });
}

/**
 * Copies the source of the binary.
 *
 * @param {string} to
 */
function copySource(to) {
  for (const name of ['cache', 'cmd', 'license', 'rpc', 'go.mod', 'go.sum']) {
    copy(name, path.join(to, name));
  }
}

/** @param {string} folder */
function buildMainPackage(folder) {
  const source = 'npm/nx-azure-cache';
  const manifest = readJson(`${source}/package.json`);
  const target = path.join(folder, manifest.name);
  for (const file of manifest.files) {
    copy(`${source}/${file}`, path.join(target, file));
  }
  copy('README.md', path.join(target, 'README.md'));
  copy('LICENSE', path.join(target, 'LICENSE'));
  // `help CODE` prints its sections.
  const page = 'troubleshooting.md';
  copy(`docs/${page}`, path.join(target, page));
  writeJson(path.join(target, 'package.json'), {
    ...manifest,
    version,
    repository,
    files: [...manifest.files, page],
    optionalDependencies: Object.fromEntries(
      platforms.map((platform) => [packageName(platform), version]),
    ),
  });
}

/**
 * The package @nx/powerpack-azure-cache for private registries: the main
 * package under the name that Nx looks for.
 *
 * @param {string} folder
 */
function buildAliasPackage(folder) {
  const source = 'npm/powerpack-azure-cache';
  const manifest = readJson(`${source}/package.json`);
  const target = path.join(folder, manifest.name);
  for (const file of [...manifest.files, 'README.md']) {
    copy(`${source}/${file}`, path.join(target, file));
  }
  copy('LICENSE', path.join(target, 'LICENSE'));
  // Editors find the schemas by a path in node_modules.
  const schemas = ['nx.schema.json', 'schema.json'];
  for (const file of schemas) {
    copy(`npm/nx-azure-cache/${file}`, path.join(target, file));
  }
  writeJson(path.join(target, 'package.json'), {
    ...manifest,
    version,
    repository,
    files: [...manifest.files, ...schemas, 'generators', 'generators.json'],
    dependencies: { 'nx-azure-cache': version },
  });
  buildAliasGenerators(target);
}

/** @param {string} target */
function buildAliasGenerators(target) {
  const source = 'npm/nx-azure-cache';
  const generators = readJson(`${source}/generators.json`);
  writeJson(path.join(target, 'generators.json'), generators);
  for (const { factory, schema } of Object.values(generators.generators)) {
    const [file] = factory.split('#');
    copy(`${source}/${schema}`, path.join(target, schema));
    fs.writeFileSync(
      path.join(target, file),
      `'use strict';\n\nmodule.exports = require('nx-azure-cache/${path.posix.normalize(file)}');\n`,
    );
  }
}

/**
 * Makes `npm publish` and `npm pack` fail in every package of a build that lacks a platform:
 * they run the script prepack first, which says why. With ignore-scripts, `private` stops
 * `npm publish`. A full build has neither.
 *
 * @param {string} folder
 * @param {Platform[]} targets
 */
function refuseToPublish(folder, targets) {
  const built = targets.map(({ os, cpu }) => `${os}-${cpu}`).join(', ');
  const line =
    `nx-azure-cache: npm must not publish this package: the build has ${targets.length} of ` +
    `${platforms.length} platforms (${built}). With some missing, "npm ci" fails with EUSAGE ` +
    'for everyone who installs it. Run "npm run build -- --all" in the clone, then publish again.';
  const script = 'refuse-to-publish.js';
  const names = [
    ...['nx-azure-cache', '@nx/powerpack-azure-cache'],
    ...targets.map(packageName),
  ];
  for (const name of names) {
    const manifest = path.join(folder, name, 'package.json');
    const content = JSON.parse(fs.readFileSync(manifest, 'utf8'));
    const scripts = { prepack: `node ${script}` };
    writeJson(manifest, { ...content, private: true, scripts });
    // Not in `files`, so no tarball has it.
    fs.writeFileSync(
      path.join(folder, name, script),
      `console.error(${JSON.stringify(line)});\nprocess.exitCode = 1;\n`,
    );
  }
}

/**
 * @param {string} from relative to the repository
 * @param {string} to
 */
function copy(from, to) {
  fs.cpSync(path.join(root, from), to, { recursive: true });
}

/** @param {string} file relative to the repository */
function readJson(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
}

/**
 * @param {string} file
 * @param {unknown} content
 */
function writeJson(file, content) {
  fs.writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

async function main() {
  const { values } = parseArgs({
    options: {
      all: { type: 'boolean' },
      issuers: { type: 'string' },
    },
  });
  const { all, issuers } = values;
  const targets = all ? platforms : undefined;
  console.log(`Packages are in ${await build({ targets, issuers })}`);
  if (all) return;
  console.log(
    'They hold the binary of this platform only. To publish, run "npm run build -- --all".',
  );
}

if (require.main === module) runMain(main);

exports.build = build;
exports.buildBinary = buildBinary;
exports.copySource = copySource;
exports.isThisMachine = isThisMachine;
exports.platforms = platforms;
exports.version = version;
