'use strict';

// Runs the commands of docs/publishing.md and of .github/workflows/release.yml with a fake
// npm and gh, which record their arguments.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe, test } = require('node:test');
const yaml = require('yaml');
const { platforms } = require('../build');
const { blocks, read } = require('./pages');

/** @import { TestContext } from 'node:test' */

const page = read('docs/publishing.md');
const commands = blocks(page, 'sh').find((code) =>
  code.includes('npm publish'),
);
const { jobs } = yaml.parse(read('.github/workflows/release.yml'));
const publishing = jobs.publish.steps.at(-1);
const releasing = jobs['github-release'].steps.at(-1);

const ofPlatforms = platforms
  .map(({ os, cpu }) => `@nx-azure-cache/${os}-${cpu}`)
  .sort();

/**
 * Runs commands in a folder with the packages that `npm run build -- --all` makes.
 *
 * @param {TestContext} t
 * @param {string} code
 * @param {{ existing?: string[], refused?: string }} [registry] the packages that it
 *   has, and one that it rejects
 */
function publish(t, code, { existing = [], refused = '' } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'publishing-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const name of [
    ...ofPlatforms,
    'nx-azure-cache',
    '@nx/powerpack-azure-cache',
  ]) {
    const at = path.join(folder, 'dist/npm', name);
    fs.mkdirSync(at, { recursive: true });
    const manifest = JSON.stringify({ name, version: '1.2.3' });
    fs.writeFileSync(path.join(at, 'package.json'), manifest);
  }
  const notes = path.join(folder, 'notes');
  fs.writeFileSync(notes, '');
  const known = existing.map((name) => `${name}@1.2.3`).join(' ');
  fs.mkdirSync(path.join(folder, 'bin'));
  fs.writeFileSync(
    path.join(folder, 'bin/npm'),
    `#!/bin/sh
case "$1" in
  view) case " ${known} " in *" $2 "*) exit 0 ;; *) exit 1 ;; esac ;;
  publish) [ "$2" = "./${refused}" ] && exit 1; echo "$@" >> "${notes}" ;;
esac
`,
    { mode: 0o755 },
  );
  const { status } = spawnSync('bash', ['--norc', '-e', '-c', code], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${path.join(folder, 'bin')}${path.delimiter}${process.env.PATH}`,
    },
  });
  const published = fs.readFileSync(notes, 'utf8').trim().split('\n');
  return { status, published: published.filter(Boolean) };
}

/** The tarballs of `npm run release:files`. Here they contain only a name. */
const tarballs = [
  'nx-azure-cache-1.2.3.tgz',
  ...platforms.map(({ os, cpu }) => `nx-azure-cache-${os}-${cpu}-1.2.3.tgz`),
  'nx-powerpack-azure-cache-1.2.3.tgz',
].sort();

/** @type {Map<string, string>} the folders of `releaseFiles`, by version */
const releases = new Map();
after(() => {
  for (const folder of releases.values())
    fs.rmSync(folder, { recursive: true });
});

/**
 * The tarballs of a version and their checksums, in a folder that steps copy.
 *
 * @param {string} version
 */
function releaseFiles(version) {
  const made = releases.get(version);
  if (made) return made;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'publishing-'));
  releases.set(version, folder);
  const content = path.join(folder, 'package');
  fs.mkdirSync(content);
  const sums = tarballs.map((each) => {
    const file = each.replace('1.2.3', version);
    const name = file
      .replace(`-${version}.tgz`, '')
      .replace(/^nx-azure-cache-/, '@nx-azure-cache/');
    const manifest = path.join(content, 'package.json');
    fs.writeFileSync(manifest, JSON.stringify({ name }));
    const tarball = path.join(folder, file);
    spawnSync('tar', ['-czf', tarball, '-C', folder, 'package']);
    const digest = createHash('sha256').update(fs.readFileSync(tarball));
    return `${digest.digest('hex')}  ${file}\n`;
  });
  fs.rmSync(content, { recursive: true });
  fs.writeFileSync(path.join(folder, 'SHA256SUMS'), sums.join(''));
  return folder;
}

/**
 * Runs a step of release.yml in a folder with the files of a release.
 *
 * @param {TestContext} t
 * @param {{ run: string, 'working-directory': string, shell: string }} step
 * @param {{ existing?: string[], refused?: string, tag?: string, damaged?: boolean }} [options]
 *   packages or releases that exist, and one file that npm rejects
 */
function runStep(
  t,
  step,
  { existing = [], refused = '', tag = 'v1.2.3', damaged = false } = {},
) {
  const version = tag.slice(1);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'publishing-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const release = path.join(folder, 'release');
  fs.cpSync(releaseFiles(version), release, { recursive: true });
  if (damaged) fs.appendFileSync(path.join(release, tarballs[0]), 'x');
  const known = existing.map((name) => `${name}@${version}`).join(' ');
  const notes = path.join(folder, 'notes');
  fs.writeFileSync(notes, '');
  fs.mkdirSync(path.join(folder, 'bin'));
  /** @type {Record<string, string>} */
  const programs = {
    npm: `case "$1" in
  view) case " ${known} " in *" $2 "*) exit 0 ;; *) exit 1 ;; esac ;;
  publish) [ "$2" = "./${refused}" ] && exit 1; echo "$@" >> "${notes}" ;;
esac`,
    gh: `case "$2" in
  view) ${existing.includes(tag) ? 'exit 0' : 'exit 1'} ;;
  create) echo "$@" >> "${notes}" ;;
esac`,
  };
  for (const [name, code] of Object.entries(programs)) {
    const file = path.join(folder, 'bin', name);
    fs.writeFileSync(file, `#!/bin/sh\n${code}\n`, { mode: 0o755 });
  }
  assert.equal(step.shell, 'bash');
  // What GitHub runs for `shell: bash`.
  const flags = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run];
  const { status } = spawnSync('bash', flags, {
    cwd: path.join(folder, step['working-directory']),
    env: {
      ...process.env,
      GITHUB_REF_NAME: tag,
      PATH: `${path.join(folder, 'bin')}${path.delimiter}${process.env.PATH}`,
    },
  });
  const lines = fs.readFileSync(notes, 'utf8').trim().split('\n');
  return { status, lines: lines.filter(Boolean) };
}

describe('publishing', { skip: process.platform === 'win32' }, () => {
  const main = 'publish ./nx-azure-cache';
  const alias = 'publish ./@nx/powerpack-azure-cache';
  const first = ofPlatforms.map((name) => `publish ./${name}`);

  test('platform packages come first, the alias package last', (t) => {
    const { status, published } = publish(t, commands ?? '');
    assert.deepEqual(published, [...first, main, alias]);
    assert.equal(status, 0);
  });

  test('packages that exist are skipped', (t) => {
    const existing = [ofPlatforms[0], 'nx-azure-cache'];
    const { published } = publish(t, commands ?? '', { existing });
    assert.deepEqual(published, [...first.slice(1), alias]);
  });

  test('the main package is never published before its platform packages', (t) => {
    const refused = ofPlatforms[2];
    const { published } = publish(t, commands ?? '', { refused });
    assert.deepEqual(published, first.slice(0, 2));
  });

  const flags = '--access public --provenance --tag latest';
  const ofWorkflow = [
    ...ofPlatforms.map(
      (name) => `${name.slice(1).replace('/', '-')}-1.2.3.tgz`,
    ),
    'nx-azure-cache-1.2.3.tgz',
  ];

  test('the workflow publishes all but the alias package, with provenance', (t) => {
    const { status, lines } = runStep(t, publishing);
    assert.deepEqual(
      lines,
      ofWorkflow.map((file) => `publish ./${file} ${flags}`),
    );
    assert.equal(status, 0);
    assert.equal(jobs.publish.permissions['id-token'], 'write');
    // Code that the build job installs and runs must not be able to publish.
    assert.equal(jobs.build.permissions['id-token'], undefined);
    assert.equal(jobs.build.environment, undefined);
  });

  test('the workflow skips published packages, and stops at an error', (t) => {
    const existing = [ofPlatforms[0], 'nx-azure-cache'];
    const { status, lines } = runStep(t, publishing, { existing });
    assert.equal(status, 0);
    assert.equal(lines.length, ofWorkflow.length - existing.length);
    const refused = ofWorkflow[2];
    const stopped = runStep(t, publishing, { refused });
    assert.notEqual(stopped.status, 0);
    assert.equal(stopped.lines.length, 2);
  });

  test('the workflow publishes nothing if a file differs from its checksum', (t) => {
    const { status, lines } = runStep(t, publishing, { damaged: true });
    assert.notEqual(status, 0);
    assert.deepEqual(lines, []);
  });

  test('a version with a hyphen is not the latest', (t) => {
    const tag = 'v1.2.3-rc.1';
    const { lines } = runStep(t, publishing, { tag });
    assert.equal(lines.length, ofWorkflow.length);
    for (const line of lines) assert.match(line, /rc\.1\.tgz .* --tag next$/);
    const [line] = runStep(t, releasing, { tag }).lines;
    assert.match(line, /--prerelease=true/);
  });

  test('the release on GitHub has all files, and is made once', (t) => {
    const { status, lines } = runStep(t, releasing);
    assert.equal(status, 0);
    const files = tarballs.map((name) => `./${name}`).join(' ');
    assert.deepEqual(lines, [
      `release create v1.2.3 --verify-tag --title v1.2.3 --prerelease=false --notes-file notes.md ${files} sbom.cdx.json SHA256SUMS`,
    ]);
    const again = runStep(t, releasing, { existing: ['v1.2.3'] });
    assert.deepEqual(again, { status: 0, lines: [] });
  });

  test('every platform is checked afterwards', () => {
    const [, list] = /for PLATFORM in (.*); do/.exec(page) ?? [];
    const names = list.split(' ').map((name) => `@nx-azure-cache/${name}`);
    assert.deepEqual(names.sort(), ofPlatforms);
  });
});
