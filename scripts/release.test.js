'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const {
  build,
  buildBinary,
  isThisMachine,
  platforms,
  version,
} = require('./build');
const { cleanUp, temporaryFolder } = require('./kit/cleanup');
const { go } = require('./kit/go');
const { run } = require('./kit/run');
const { makeReleaseFiles } = require('./release');
const { notesForTag, parseChangelog } = require('./release/changelog');

const temporary = temporaryFolder('release');
const packages = path.join(temporary, 'npm');
const time = new Date('2026-12-01T12:00:00Z');

/** @param {string} to */
const makeFiles = (to) =>
  makeReleaseFiles({ from: packages, to: path.join(temporary, to), time });

/** The package of this machine has the real binary, the others have this program. */
const program = 'package main\n\nfunc main() {}\n';

before(async () => {
  const source = path.join(temporary, 'main.go');
  fs.writeFileSync(source, program);
  const small = path.join(temporary, 'small');
  await go(['build', '-ldflags=-s -w', '-o', small, source]);
  await build({
    targets: platforms,
    out: packages,
    async compile(file, platform, ...rest) {
      if (isThisMachine(platform)) return buildBinary(file, platform, ...rest);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.copyFileSync(small, file);
    },
  });
});
after(cleanUp);

describe('the files of a release', () => {
  /** @type {string} */
  let folder;
  /** @type {any} */
  let sbom;

  before(async () => {
    folder = await makeFiles('files');
    const text = fs.readFileSync(path.join(folder, 'sbom.cdx.json'), 'utf8');
    sbom = JSON.parse(text);
  });

  test('are a tarball of each package, the SBOM and the checksums', () => {
    assert.deepEqual(
      fs.readdirSync(folder).sort(),
      [
        'SHA256SUMS',
        `nx-azure-cache-${version}.tgz`,
        ...platforms.map(
          ({ os, cpu }) => `nx-azure-cache-${os}-${cpu}-${version}.tgz`,
        ),
        `nx-powerpack-azure-cache-${version}.tgz`,
        'sbom.cdx.json',
      ].sort(),
    );
  });

  test('SHA256SUMS has the digest of every other file', () => {
    const lines = fs
      .readFileSync(path.join(folder, 'SHA256SUMS'), 'utf8')
      .trim()
      .split('\n');
    assert.equal(lines.length, platforms.length + 3);
    for (const line of lines) {
      const [, digest, name] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
      const content = fs.readFileSync(path.join(folder, name));
      assert.equal(createHash('sha256').update(content).digest('hex'), digest);
    }
  });

  test('are the same in a second run', async () => {
    const again = await makeFiles('again');
    assert.equal(
      fs.readFileSync(path.join(again, 'SHA256SUMS'), 'utf8'),
      fs.readFileSync(path.join(folder, 'SHA256SUMS'), 'utf8'),
    );
  });

  test('the SBOM names the package, the time and npm’s digest', () => {
    const { bomFormat, specVersion, version: number, metadata } = sbom;
    assert.deepEqual([bomFormat, specVersion, number], ['CycloneDX', '1.6', 1]);
    assert.equal(metadata.timestamp, time.toISOString());
    assert.equal(metadata.component.purl, `pkg:npm/nx-azure-cache@${version}`);
    const tarball = path.join(folder, `nx-azure-cache-${version}.tgz`);
    const digest = createHash('sha512').update(fs.readFileSync(tarball));
    assert.deepEqual(metadata.component.hashes, [
      { alg: 'SHA-512', content: digest.digest('hex') },
    ]);
  });

  test('the SBOM lists every module in the binary, and Go itself', async () => {
    const thisPlatform = `${process.platform}-${process.arch}`;
    const binary = path.join(
      ...[packages, '@nx-azure-cache', thisPlatform, 'bin'],
      process.platform === 'win32' ? 'nx-azure-cache.exe' : 'nx-azure-cache',
    );
    const { stdout } = await run('go', ['version', '-m', binary]);
    const modules = Array.from(
      stdout.matchAll(/^\tdep\t(\S+)\t(\S+)/gm),
      ([, name, version]) => `pkg:golang/${name}@${version}`,
    );
    assert.ok(modules.length > 20);
    const [, go] = /: go(\S+)/.exec(stdout) ?? [];
    const std = `pkg:golang/std@${go}`;
    for (const { os, cpu } of platforms) {
      const ref = `pkg:npm/%40nx-azure-cache/${os}-${cpu}@${version}`;
      const wanted =
        `${os}-${cpu}` === thisPlatform ? [...modules, std].sort() : [std];
      assert.deepEqual(dependenciesOf(ref), wanted);
    }
  });

  test('the SBOM has go.sum’s digests of modules, and the lockfile’s of packages', () => {
    const cobra = component(/^pkg:golang\/github.com\/spf13\/cobra@/);
    const sum = fs
      .readFileSync(path.join(__dirname, '..', 'go.sum'), 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${cobra.name} ${cobra.version} h1:`));
    const digest = Buffer.from(cobra.hashes[0].content, 'hex');
    assert.equal(sum?.split('h1:')[1], digest.toString('base64'));
    const rpc = component(/^pkg:npm\/vscode-jsonrpc@/);
    assert.equal(rpc.hashes[0].alg, 'SHA-512');
    assert.deepEqual(rpc.licenses, [{ license: { id: 'MIT' } }]);
  });

  test('the main package in the SBOM depends on our packages and npm’s, not on the tools of this repository', () => {
    assert.deepEqual(dependenciesOf(sbom.metadata.component.purl), [
      ...platforms
        .map(
          ({ os, cpu }) => `pkg:npm/%40nx-azure-cache/${os}-${cpu}@${version}`,
        )
        .sort(),
      component(/^pkg:npm\/vscode-jsonrpc@/).purl,
    ]);
  });

  test('the SBOM’s references are unique and lead somewhere', () => {
    /** @type {string[]} */
    const refs = sbom.components.map((/** @type {any} */ c) => c['bom-ref']);
    const all = [sbom.metadata.component['bom-ref'], ...refs];
    assert.equal(new Set(all).size, all.length);
    for (const { ref, dependsOn } of sbom.dependencies) {
      for (const each of [ref, ...dependsOn]) assert.ok(all.includes(each));
    }
    for (const { type, name, version, purl } of sbom.components) {
      assert.ok(type && name && version && purl.startsWith('pkg:'));
    }
  });

  /** @param {RegExp} purl */
  const component = (purl) =>
    sbom.components.find((/** @type {any} */ each) => purl.test(each.purl));

  /** @param {string} purl @returns {string[]} */
  const dependenciesOf = (purl) =>
    sbom.dependencies.find((/** @type {any} */ { ref }) => ref === purl)
      .dependsOn;
});

test('a missing platform, or another version, makes no release', async () => {
  const copy = path.join(temporary, 'incomplete');
  fs.cpSync(packages, copy, { recursive: true });
  const options = { from: copy, to: path.join(temporary, 'none'), time };
  const manifest = path.join(copy, 'nx-azure-cache/package.json');
  fs.writeFileSync(manifest, JSON.stringify({ version: '0.0.0' }));
  await assert.rejects(makeReleaseFiles(options), /has version 0\.0\.0/);
  fs.rmSync(path.join(copy, '@nx-azure-cache/darwin-arm64'), {
    recursive: true,
  });
  fs.writeFileSync(manifest, JSON.stringify({ version }));
  await assert.rejects(
    makeReleaseFiles(options),
    /has no package @nx-azure-cache\/darwin-arm64/,
  );
  assert.ok(!fs.existsSync(options.to));
});

describe('the changelog of a release', () => {
  const changelog = `# Changelog

## [Unreleased]

## [1.3.0] - unreleased

### Added

- c

## [1.2.0] - 2026-12-01

### Fixed

- b

[Unreleased]: https://example.com/u
[1.2.0]: https://example.com/1.2.0
`;

  test('is parsed: versions, dates, notes, links', () => {
    assert.deepEqual(parseChangelog(changelog), {
      releases: [
        { version: 'Unreleased', date: '', notes: '' },
        { version: '1.3.0', date: '', notes: '### Added\n\n- c' },
        { version: '1.2.0', date: '2026-12-01', notes: '### Fixed\n\n- b' },
      ],
      links: {
        Unreleased: 'https://example.com/u',
        '1.2.0': 'https://example.com/1.2.0',
      },
    });
  });

  test('gives the notes of the tag', () => {
    assert.equal(
      notesForTag(changelog, '1.2.0', 'v1.2.0'),
      '### Fixed\n\n- b\n',
    );
  });

  for (const [what, { version, tag, error }] of Object.entries({
    'another version than package.json': {
      ...{ version: '1.3.0', tag: 'v1.2.0' },
      error: /the tag is v1\.2\.0, but package\.json has version 1\.3\.0/,
    },
    'a version without a date': {
      ...{ version: '1.3.0', tag: 'v1.3.0' },
      error: /no release date for 1\.3\.0/,
    },
    'a version without a section': {
      ...{ version: '1.4.0', tag: 'v1.4.0' },
      error: /no release date for 1\.4\.0/,
    },
  })) {
    test(`refuses a tag with ${what}`, () => {
      assert.throws(() => notesForTag(changelog, version, tag), error);
    });
  }

  test('refuses an unknown heading', () => {
    assert.throws(
      () => parseChangelog('## 1.2.0 (2026-12-01)\n'),
      /unexpected heading: ## 1\.2\.0/,
    );
  });
});
