'use strict';

// The generator update: the version in package.json, and an alias that nx migrate removed.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { workspace } = require('./workspace-fixture');
const { temporaryFolder, writeExecutable } = require('./fixture');
const { updateGenerator } = require('../generators/update/generator');
const { versionOf } = require('../generators/update/registry');

/** @typedef {import('node:test').TestContext} TestContext */

const name = '@nx/powerpack-azure-cache';

/**
 * Runs the generator. The registry has 0.3.0 as latest and 0.4.0-rc.1 as next.
 *
 * @param {TestContext} t
 * @param {object} manifest
 * @param {{ to?: string }} [options]
 * @param {Record<string, string>} [files]
 */
function update(t, manifest, options, files = {}) {
  const tree = workspace(t, {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'package-lock.json': '{}',
    ...files,
  });
  /** @type {string[]} */
  const lines = [];
  /** @type {string[]} */
  const tags = [];
  updateGenerator(tree, options, {
    log: (line) => void lines.push(line),
    versionOf: (_, tag) => {
      tags.push(tag);
      return tag === 'next' ? '0.4.0-rc.1' : '0.3.0';
    },
  });
  const text = tree.read('package.json', 'utf8') ?? '';
  return { text, lines, tags, tree };
}

/** @param {Record<string, string>} manifest of the installed package */
const installed = (manifest, dependencies = {}) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({
    ...manifest,
    dependencies,
  }),
  [`node_modules/${name}/index.js`]: '',
});

describe('the version in package.json', () => {
  for (const [before, after] of [
    ['npm:nx-azure-cache@0.1.0', 'npm:nx-azure-cache@0.3.0'],
    ['npm:nx-azure-cache@^0.1.0', 'npm:nx-azure-cache@^0.3.0'],
    ['npm:nx-azure-cache@~0.1.0', 'npm:nx-azure-cache@~0.3.0'],
    ['npm:nx-azure-cache@latest', 'npm:nx-azure-cache@^0.3.0'],
    ['npm:nx-azure-cache', 'npm:nx-azure-cache@^0.3.0'],
    ['npm:nx-azure-cache@>=0.1 <1', 'npm:nx-azure-cache@^0.3.0'],
    // nx migrate wrote these.
    ['4.0.0', 'npm:nx-azure-cache@0.3.0'],
    ['^4.0.0', 'npm:nx-azure-cache@0.3.0'],
  ]) {
    test(`${before} becomes ${after}`, (t) => {
      const devDependencies = { nx: '24.0.6', [name]: before, zod: '4' };
      const { text, lines } = update(
        t,
        { devDependencies },
        {},
        installed({ name: 'nx-azure-cache', version: '0.1.0' }),
      );
      assert.deepEqual(JSON.parse(text).devDependencies, {
        ...devDependencies,
        [name]: after,
      });
      assert.deepEqual(lines, [
        `package.json: set devDependencies: ${name} from ${before} to ${after}.`,
        'Next: run npm install.',
      ]);
    });
  }

  test('the alias package of a private registry keeps its form', (t) => {
    const alias = { name, version: '0.1.0' };
    const files = installed(alias, { 'nx-azure-cache': '0.1.0' });
    const { text } = update(
      t,
      { dependencies: { [name]: '^0.1.0' } },
      {},
      files,
    );
    assert.equal(JSON.parse(text).dependencies[name], '^0.3.0');
  });

  test('a version that a person pins needs no registry', (t) => {
    const manifest = {
      devDependencies: { [name]: 'npm:nx-azure-cache@0.3.0' },
    };
    const { text, tags } = update(t, manifest, { to: '0.2.5' });
    assert.match(text, /npm:nx-azure-cache@0\.2\.5"/);
    assert.deepEqual(tags, []);
  });

  test('a tag is looked up', (t) => {
    const manifest = {
      devDependencies: { [name]: 'npm:nx-azure-cache@0.3.0' },
    };
    const { text, tags } = update(t, manifest, { to: 'next' });
    assert.match(text, /npm:nx-azure-cache@0\.4\.0-rc\.1"/);
    assert.deepEqual(tags, ['next']);
  });

  test('overrides follow, so that npm does not stop at them', (t) => {
    const spec = 'npm:nx-azure-cache@0.1.0';
    const { text } = update(t, {
      devDependencies: { [name]: spec },
      overrides: { [name]: spec, other: '1' },
      resolutions: { [name]: spec },
      pnpm: { overrides: { [name]: spec } },
    });
    const after = 'npm:nx-azure-cache@0.3.0';
    assert.deepEqual(JSON.parse(text), {
      devDependencies: { [name]: after },
      overrides: { [name]: after, other: '1' },
      resolutions: { [name]: after },
      pnpm: { overrides: { [name]: after } },
    });
  });

  test('a lost dependency is added', (t) => {
    const { text, lines } = update(t, { name: 'shop' });
    assert.deepEqual(JSON.parse(text), {
      name: 'shop',
      devDependencies: { [name]: 'npm:nx-azure-cache@0.3.0' },
    });
    assert.match(lines[0], /^package\.json: added devDependencies: /);
  });

  for (const spec of ['file:../cache.tgz', 'workspace:*', 'catalog:']) {
    test(`${spec} stays`, (t) => {
      const manifest = { devDependencies: { [name]: spec } };
      const { lines, tree } = update(t, manifest);
      assert.deepEqual(tree.listChanges(), []);
      assert.equal(lines.length, 1);
      assert.match(lines[0], /: kept .* which names another source/);
    });
  }

  test('the newest version stays, and nothing is left to do', (t) => {
    const manifest = {
      devDependencies: { [name]: 'npm:nx-azure-cache@^0.3.0' },
    };
    const { lines, tree } = update(t, manifest);
    assert.deepEqual(tree.listChanges(), []);
    assert.match(lines.join('\n'), /^package.json: .* is at .* already\.$/);
  });

  test('the lines name the package manager of the workspace', (t) => {
    const files = { 'pnpm-lock.yaml': '' };
    const { lines } = update(t, {}, {}, files);
    assert.equal(lines.at(-1), 'Next: run pnpm install.');
  });

  test('a wrong version, and a missing package.json, change nothing', (t) => {
    for (const to of [
      '1',
      '1.2',
      '^1.2.3',
      '$(id)',
      '--registry=x',
      '1.2.3 x',
    ]) {
      assert.throws(
        () => update(t, {}, { to }),
        /--to=.* is not a version/,
        to,
      );
    }
    const tree = workspace(t, { 'nx.json': '{}' });
    assert.throws(() => updateGenerator(tree), /package\.json does not exist/);
  });
});

describe('the registry', { skip: process.platform === 'win32' }, () => {
  /**
   * A workspace of this package manager, whose program is a script.
   *
   * @param {TestContext} t
   * @param {string} lockfile
   * @param {string} program
   * @param {string} script
   */
  function withManager(t, lockfile, program, script) {
    const root = temporaryFolder(t);
    const bin = temporaryFolder(t);
    fs.writeFileSync(path.join(root, lockfile), '');
    writeExecutable(path.join(bin, program), `#!/bin/sh\n${script}\n`);
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
    return () => versionOf(root, 'latest', env);
  }

  for (const [lockfile, program, args, output] of [
    [
      'package-lock.json',
      'npm',
      'view nx-azure-cache@latest version --json',
      '"0.3.0"',
    ],
    [
      'pnpm-lock.yaml',
      'pnpm',
      'view nx-azure-cache@latest version --json',
      '"0.3.0"',
    ],
    [
      'yarn.lock',
      'yarn',
      'npm info nx-azure-cache@latest --fields=version --json',
      '{"name":"nx-azure-cache","version":"0.3.0"}',
    ],
    ['bun.lock', 'bun', 'info nx-azure-cache@latest version --json', '"0.3.0"'],
  ]) {
    test(`${program} is asked`, (t) => {
      const script = `test "$*" = '${args}' || exit 1\necho '${output}'`;
      const lookUp = withManager(t, lockfile, program, script);
      assert.equal(lookUp(), '0.3.0');
    });
  }

  for (const script of [
    'echo "E404 Not Found" >&2; exit 1',
    `echo '"; rm -rf ~"'`,
    `echo '["0.1.0", "0.2.0"]'`,
    'true',
  ]) {
    test(`no version: ${script}`, (t) => {
      const lookUp = withManager(t, 'package-lock.json', 'npm', script);
      assert.throws(
        lookUp,
        /^Error: cannot find nx-azure-cache@latest in the registry \(npm view .*--to=1\.2\.3$/,
      );
    });
  }
});
