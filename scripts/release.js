'use strict';

// npm run release:files [-- --tag TAG]
// npm run release:files -- --check TAG
//
// Makes the files of a release in dist/release, from the packages of
// `npm run build -- --all --issuers FILE` in dist/npm: a tarball of each package,
// sbom.cdx.json (CycloneDX), SHA256SUMS, and with --tag notes.md from CHANGELOG.md.
// With --check it makes nothing; it fails unless TAG can be released.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { platforms, version } = require('./build');
const { runMain } = require('./kit/cleanup');
const { root } = require('./kit/root');
const { run } = require('./kit/run');
const { notesForTag } = require('./release/changelog');
const { createSbom } = require('./release/sbom');

/** @import { Platform } from './build' */
/** @typedef {{ from?: string, to?: string, tag?: string, time?: Date }} Options */

const mainPackage = 'nx-azure-cache';
const aliasPackage = '@nx/powerpack-azure-cache';

/** @param {Platform} platform */
const platformPackage = ({ os, cpu }) => `@nx-azure-cache/${os}-${cpu}`;

const allPackages = [
  ...platforms.map(platformPackage),
  mainPackage,
  aliasPackage,
];

/** @param {string} packages @param {Platform} platform */
const binaryOf = (packages, platform) =>
  path.join(
    ...[packages, platformPackage(platform), 'bin'],
    platform.os === 'win32' ? 'nx-azure-cache.exe' : 'nx-azure-cache',
  );

/**
 * @param {Options} [options] `from` and `to` are relative to the repository; the content of
 *   `to` is removed first. `time` goes into the SBOM; default: the time of the commit
 * @returns {Promise<string>} the folder of the files
 */
async function makeReleaseFiles({
  from = 'dist/npm',
  to = 'dist/release',
  tag,
  time,
} = {}) {
  const packages = path.resolve(root, from);
  const folder = path.resolve(root, to);
  const notes = tag === undefined ? undefined : releaseNotes(tag);
  requirePackages(packages);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });

  const tarballs = await pack(packages, folder);
  const packageOf = (/** @type {string} */ name) => {
    const tarball = tarballs.get(name);
    if (!tarball) throw new Error(`npm pack made no tarball of ${name}`);
    return { name, version, tarball };
  };
  const ofPlatforms = platforms.map((platform) => ({
    ...packageOf(platformPackage(platform)),
    binary: binaryOf(packages, platform),
  }));

  const sbom = await createSbom(
    [packageOf(mainPackage), ...ofPlatforms],
    time ?? (await commitTime()),
  );
  fs.writeFileSync(
    path.join(folder, 'sbom.cdx.json'),
    `${JSON.stringify(sbom, null, 2)}\n`,
  );
  fs.writeFileSync(path.join(folder, 'SHA256SUMS'), checksums(folder));
  // After the checksums: the text of a release can be edited, its files cannot.
  if (notes) fs.writeFileSync(path.join(folder, 'notes.md'), notes);
  return folder;
}

/** @param {string} tag */
function releaseNotes(tag) {
  const changelog = fs.readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8');
  return notesForTag(changelog, version, tag);
}

/**
 * A release that lacks a platform breaks Yarn, which resolves all six.
 *
 * @param {string} packages
 */
function requirePackages(packages) {
  for (const name of allPackages) {
    const manifest = path.join(packages, name, 'package.json');
    if (!fs.existsSync(manifest)) {
      throw new Error(
        `${packages} has no package ${name}: run npm run build -- --all --issuers FILE first`,
      );
    }
    const found = JSON.parse(fs.readFileSync(manifest, 'utf8')).version;
    if (found !== version) {
      throw new Error(
        `${name} in ${packages} has version ${found}, package.json has ${version}: build again`,
      );
    }
  }
}

/**
 * Packs all packages, as `npm publish` does.
 *
 * @param {string} packages
 * @param {string} folder
 * @returns {Promise<Map<string, string>>} the tarballs by the names of their packages
 */
async function pack(packages, folder) {
  const { stdout } = await run('npm', [
    ...['pack', '--json', '--pack-destination', folder],
    ...allPackages.map((name) => path.join(packages, name)),
  ]);
  /** @type {{ name: string, filename: string }[]} */
  const packed = Object.values(JSON.parse(stdout));
  return new Map(
    packed.map(({ name, filename }) => [name, path.join(folder, filename)]),
  );
}

/** @param {string} folder @returns {string} what `sha256sum --check` reads */
function checksums(folder) {
  return fs
    .readdirSync(folder)
    .sort()
    .map((name) => {
      const content = fs.readFileSync(path.join(folder, name));
      const digest = createHash('sha256').update(content).digest('hex');
      return `${digest}  ${name}\n`;
    })
    .join('');
}

async function commitTime() {
  const { stdout } = await run('git', ['log', '-1', '--format=%cI']);
  return new Date(stdout.trim());
}

async function main() {
  const { values } = parseArgs({
    options: { tag: { type: 'string' }, check: { type: 'string' } },
  });
  if (values.check !== undefined) {
    releaseNotes(values.check);
    console.log(`${values.check} can be released`);
    return;
  }
  const folder = await makeReleaseFiles({ tag: values.tag });
  console.log(`The files of the release are in ${folder}`);
}

if (require.main === module) runMain(main);

exports.makeReleaseFiles = makeReleaseFiles;
