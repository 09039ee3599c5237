'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Client } = require('../npm/nx-azure-cache/lib/client');
const {
  build,
  buildBinary,
  copySource,
  platforms,
  version,
} = require('./build');
const { readExecutable } = require('./kit/executable');
const { root } = require('./kit/root');
const { go } = require('./kit/go');
const { run } = require('./kit/run');
const { testedPlatforms } = require('./kit/tested-platforms');

const temporary = fs.mkdtempSync(
  path.join(os.tmpdir(), 'nx-azure-cache-build-'),
);
const packages = path.join(temporary, 'npm');

before(() => build({ targets: testedPlatforms, out: packages }));
after(() => fs.rmSync(temporary, { recursive: true }));

/** @param {string} name of a package */
function manifest(name) {
  const file = path.join(packages, name, 'package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** @param {{ os: string, cpu: string }} platform */
const nameOf = ({ os, cpu }) => `@nx-azure-cache/${os}-${cpu}`;

/** @param {{ os: string, cpu: string }} platform */
function binaryOf(platform) {
  const file =
    platform.os === 'win32' ? 'nx-azure-cache.exe' : 'nx-azure-cache';
  return path.join(packages, nameOf(platform), 'bin', file);
}

/**
 * What each system has; the rest is in the binary. Go calls macOS through its
 * libraries, and Windows' others only when it needs them.
 *
 * @type {Record<string, RegExp>}
 */
const ofTheSystem = {
  linux: /^$/, // nothing
  darwin: /^\/(usr\/lib|System\/Library\/Frameworks)\//,
  win32: /^kernel32\.dll$/,
};

for (const platform of testedPlatforms) {
  const name = nameOf(platform);
  test(`${name} holds a binary of at most 13 MB for that platform`, () => {
    const file = binaryOf(platform);
    const { os, cpu } = platform;
    const its = readExecutable(file);
    assert.deepEqual([its.os, its.cpu], [os, cpu]);
    for (const library of its.libraries) {
      assert.match(library, ofTheSystem[os]);
    }
    // macOS does not run a program for arm64 that has none.
    if (os === 'darwin' && cpu === 'arm64') assert.ok(its.isSigned);
    // A program for windows would open one, and have no stdio.
    assert.equal(its.subsystem, os === 'win32' ? 3 : 0);
    const { size } = fs.statSync(file);
    assert.ok(size <= 13e6, `${size} bytes`);
    const { os: oses, cpu: cpus, version: named } = manifest(name);
    assert.deepEqual([oses, cpus, named], [[os], [cpu], version]);
    // Yarn's Plug'n'Play would leave it in an archive.
    assert.equal(manifest(name).preferUnplugged, true);
  });
}

test('each operating system and each CPU is tested', () => {
  for (const part of /** @type {const} */ (['os', 'cpu'])) {
    const values = (/** @type {typeof platforms} */ list) =>
      [...new Set(list.map((platform) => platform[part]))].sort();
    assert.deepEqual(values(testedPlatforms), values(platforms));
  }
});

test('the same source gives the same bytes, wherever it is', async () => {
  const elsewhere = path.join(temporary, 'elsewhere');
  copySource(elsewhere);
  for (const platform of testedPlatforms) {
    const file = path.join(temporary, 'again');
    await buildBinary(file, platform, undefined, elsewhere);
    const one = fs.readFileSync(binaryOf(platform));
    const other = fs.readFileSync(file);
    assert.ok(one.equals(other), `${nameOf(platform)} differs`);
    assert.ok(!one.includes(root), 'the binary holds the path of its source');
  }
});

test('the main package names every platform at its own version', () => {
  const { optionalDependencies, dependencies, ...rest } =
    manifest('nx-azure-cache');
  assert.equal(rest.version, version);
  assert.deepEqual(
    optionalDependencies,
    Object.fromEntries(
      platforms.map((platform) => [nameOf(platform), version]),
    ),
  );
  assert.deepEqual(dependencies, { 'vscode-jsonrpc': '10.0.0' });
});

test('the alias package depends on the main package and has its generators', () => {
  const alias = manifest('@nx/powerpack-azure-cache');
  assert.deepEqual(alias.dependencies, { 'nx-azure-cache': version });
  const folder = path.join(packages, '@nx/powerpack-azure-cache');
  const { generators } = JSON.parse(
    fs.readFileSync(path.join(folder, 'generators.json'), 'utf8'),
  );
  assert.ok(generators.init);
  for (const { factory, schema } of Object.values(generators)) {
    for (const file of [factory.split('#')[0], schema]) {
      assert.ok(fs.existsSync(path.join(folder, file)), file);
    }
  }
});

test('no package has an install script', () => {
  const isPartial = testedPlatforms.length < platforms.length;
  const scripts = isPartial
    ? { prepack: 'node refuse-to-publish.js' }
    : undefined;
  const names = ['nx-azure-cache', '@nx/powerpack-azure-cache'];
  for (const name of [...names, ...testedPlatforms.map(nameOf)]) {
    assert.deepEqual(manifest(name).scripts, scripts, name);
  }
});

/**
 * Packs a package as `npm publish` does, also one of a build that lacks a platform.
 *
 * @param {string} name
 * @returns {Promise<{ size: number, files: { path: string, mode: number }[] }>}
 */
async function pack(name) {
  const { stdout } = await run('npm', [
    ...['pack', path.join(packages, name), '--json', '--ignore-scripts'],
    ...['--pack-destination', temporary],
  ]);
  return Object.values(JSON.parse(stdout))[0];
}

test('the tarball of a platform keeps its binary executable, in 5 MB', async () => {
  const { files, size } = await pack('@nx-azure-cache/linux-x64');
  const binary = files.find(({ path }) => path === 'bin/nx-azure-cache');
  assert.equal(binary?.mode.toString(8), '755');
  assert.ok(size <= 5e6, `${size} bytes`);
});

/** The files and folders that npm publishes of a package. */
const isShipped =
  /^(LICENSE|(README|troubleshooting)\.md|package\.json|index\.(js|d\.ts)|bin\.js|generators\.json|(nx\.)?schema\.json|bin\/[^/]+\.js|lib\/.+\.js|generators\/(activate|doctor|init|remove|update)\/[^/]+\.(js|json|d\.ts)|generators\/init\/templates\/(azure\.sh|(azure|github|gitlab)\.yml|Jenkinsfile))$/;

test('the tarballs hold what is needed and no tests', async () => {
  for (const [name, needed] of Object.entries({
    'nx-azure-cache': [
      'index.js',
      'index.d.ts',
      'bin/nx-azure-cache.js',
      'lib/client.js',
    ],
    '@nx/powerpack-azure-cache': ['index.js', 'index.d.ts', 'bin.js'],
  })) {
    const { files } = await pack(name);
    const paths = files.map(({ path }) => path);
    for (const file of [
      ...needed,
      'LICENSE',
      'README.md',
      'generators.json',
      'nx.schema.json',
      'schema.json',
      'generators/init/generator.js',
      'generators/init/schema.json',
    ]) {
      assert.ok(paths.includes(file), `${name} lacks ${file}`);
    }
    const tests = paths.filter((file) => file.includes('test'));
    assert.deepEqual(tests, [], name);
    // Test helpers need not have "test" in their names.
    const strange = paths.filter((file) => !isShipped.test(file));
    assert.deepEqual(strange, [], name);
  }
});

for (const [name, content] of Object.entries({
  empty: '',
  broken: '{"keys":[{}]}',
})) {
  test(`no release is built with an ${name} file of issuers`, async () => {
    const issuers = path.join(temporary, `${name}.json`);
    fs.writeFileSync(issuers, content);
    const out = path.join(temporary, 'not-built');
    await assert.rejects(build({ issuers, out }), /\.json/);
    assert.ok(!fs.existsSync(out));
  });
}

test('no release is built with a file of issuers that has no name', async () => {
  const out = path.join(temporary, 'not-built');
  await assert.rejects(build({ issuers: '', out }), /directory/);
  assert.ok(!fs.existsSync(out));
});

test('a release build trusts its issuers and not the development issuer', async () => {
  const key = path.join(temporary, 'key.json');
  const { stdout: jwks } = await go([
    ...['run', './cmd/nx-azure-license', 'keygen'],
    ...['--kid', 'k', '--issuer', 'https://issuer.example', '--out', key],
  ]);
  const issuers = path.join(temporary, 'issuers.json');
  fs.writeFileSync(issuers, jwks);
  const file = path.join(temporary, 'release');
  const goos = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[
    /** @type {'linux'} */ (process.platform)
  ];
  const goarch = process.arch === 'x64' ? 'amd64' : process.arch;
  await buildBinary(file, { goos, goarch }, issuers);

  const { stdout: own } = await go([
    ...['run', './cmd/nx-azure-license', 'issue'],
    ...['--key', key, '--org', 'Customer'],
  ]);
  const development = path.join(root, 'testdata', 'license', 'valid.jwt');
  assert.equal(await licenseStatus(file, own), 'valid');
  assert.equal(
    await licenseStatus(file, fs.readFileSync(development, 'utf8')),
    'unknown-issuer',
  );
});

/**
 * What a binary says about a license.
 *
 * @param {string} file
 * @param {string} license
 */
async function licenseStatus(file, license) {
  const env = { ...process.env, NX_POWERPACK_LICENSE: license };
  const client = await Client.start(file, ['serve'], env, {
    onLog: () => {},
    onStored: () => {},
    onStderr: () => {},
    onEnd: () => {},
  });
  const session = await client.call(
    'initialize',
    {
      protocolVersion: 1,
      clientVersion: version,
      processId: process.pid,
      workspaceRoot: root,
      nxVersion: '24.0.6',
      ci: false,
    },
    10_000,
  );
  client.close();
  return session.license.status;
}
