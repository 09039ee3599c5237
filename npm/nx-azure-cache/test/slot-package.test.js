'use strict';

// What package.json and the lockfiles of each package manager declare under the name that
// Nx loads.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  declaredPackage,
  lockedPackage,
  lostAlias,
} = require('../lib/slot-package');
const { temporaryFolder } = require('./fixture');

/** @import { TestContext } from 'node:test' */

const name = '@nx/powerpack-azure-cache';

/**
 * A folder with these files.
 *
 * @param {TestContext} t
 * @param {Record<string, string | object>} files
 */
function folderWith(t, files) {
  const root = temporaryFolder(t);
  for (const [file, content] of Object.entries(files)) {
    const target = path.join(root, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    const text =
      typeof content === 'string' ? content : JSON.stringify(content);
    fs.writeFileSync(target, text);
  }
  return root;
}

/**
 * The installed package.
 *
 * @param {object} manifest
 */
const installed = (manifest) => ({
  [`node_modules/${name}/package.json`]: {
    version: '0.1.1',
    main: 'main.js',
    ...manifest,
  },
  [`node_modules/${name}/main.js`]: '',
});

describe('package.json', () => {
  for (const [spec, source] of /** @type {const} */ ([
    ['npm:nx-azure-cache@0.1.0', 'ours'],
    ['npm:nx-azure-cache@^0.1.0', 'ours'],
    ['npm:nx-azure-cache', 'ours'],
    ['0.1.1', 'registry'],
    ['^0.1.1', 'registry'],
    ['>=1 <2 || 3.x', 'registry'],
    ['latest', 'registry'],
    ['', 'registry'],
    ['npm:@nx/powerpack-azure-cache@0.1.1', 'registry'],
    ['npm:nx-azure-cache-of-acme@1.0.0', 'other'],
    ['npm:@acme/nx-azure-cache@1.0.0', 'other'],
    ['file:../nx-azure-cache', 'other'],
    ['workspace:*', 'other'],
    ['catalog:', 'other'],
    ['acme/nx-azure-cache#main', 'other'],
    ['https://registry.example.com/nx-azure-cache-0.1.0.tgz', 'other'],
  ])) {
    test(`${spec || 'an empty string'} is ${source}`, (t) => {
      const root = folderWith(t, {
        'package.json': { devDependencies: { [name]: spec } },
      });
      const declared = { section: 'devDependencies', spec, source };
      assert.deepEqual(declaredPackage(root), declared);
    });
  }

  const ours = 'npm:nx-azure-cache@0.1.0';
  for (const [what, manifest] of Object.entries({
    'overrides of npm and Bun': { overrides: { [name]: ours } },
    'resolutions of Yarn': { resolutions: { [name]: ours } },
    'overrides of pnpm': { pnpm: { overrides: { [name]: ours } } },
  })) {
    test(`${what} win`, (t) => {
      const dependencies = { [name]: '0.1.1' };
      const root = folderWith(t, {
        'package.json': { dependencies, ...manifest },
      });
      assert.equal(declaredPackage(root)?.source, 'ours');
    });
  }

  test('a plain version beside the alias counts', (t) => {
    const root = folderWith(t, {
      'package.json': {
        dependencies: { [name]: ours },
        devDependencies: { [name]: '0.1.1' },
      },
    });
    assert.equal(declaredPackage(root)?.section, 'devDependencies');
  });

  for (const [what, text] of Object.entries({
    'no object': `["${name}"]`,
    null: 'null',
    'no JSON': `{ "${name}"`,
    'a list of dependencies': `{ "dependencies": ["${name}"], "pnpm": 1 }`,
    'an object as version': `{ "dependencies": { "${name}": { ".": "1" } } }`,
  })) {
    test(`${what}: declares nothing`, (t) => {
      const root = folderWith(t, { 'package.json': text });
      assert.equal(declaredPackage(root), undefined);
      assert.equal(lostAlias(root), undefined);
    });
  }

  test('links are not followed', (t) => {
    const root = folderWith(t, {
      elsewhere: { dependencies: { [name]: '1.0.0' } },
    });
    fs.symlinkSync('elsewhere', path.join(root, 'package.json'));
    assert.equal(declaredPackage(root), undefined);
  });
});

describe('the alias is lost', () => {
  const declared = { 'package.json': { devDependencies: { [name]: '0.1.1' } } };

  for (const [what, files, isLost] of /** @type {const} */ ([
    ['ours is still installed', installed({ name: 'nx-azure-cache' }), true],
    ['another package is installed', installed({ name }), true],
    [
      'no: the alias package of a private registry',
      installed({ name, dependencies: { 'nx-azure-cache': '0.1.1' } }),
      false,
    ],
    ['no: nothing is installed', {}, false],
  ])) {
    test(what, (t) => {
      const root = folderWith(t, { ...declared, ...files });
      assert.equal(lostAlias(root)?.spec, isLost ? '0.1.1' : undefined);
    });
  }

  test('no: package.json has it', (t) => {
    const root = folderWith(t, {
      'package.json': { dependencies: { [name]: 'npm:nx-azure-cache@1' } },
      ...installed({ name: 'nx-azure-cache' }),
    });
    assert.equal(lostAlias(root), undefined);
  });
});

/** Lockfiles as the package managers write them: ours, the alias package, another one. */
const lockfiles = {
  'npm package-lock.json': [
    JSON.stringify(
      {
        lockfileVersion: 3,
        packages: {
          '': { devDependencies: { [name]: 'npm:nx-azure-cache@^0.1.0' } },
          [`node_modules/${name}`]: {
            name: 'nx-azure-cache',
            version: '0.1.0',
            resolved: 'https://x/nx-azure-cache/-/nx-azure-cache-0.1.0.tgz',
          },
        },
      },
      null,
      2,
    ),
    JSON.stringify(
      {
        packages: {
          '': { devDependencies: { [name]: '^0.1.0' } },
          [`node_modules/${name}`]: {
            version: '0.1.0',
            dependencies: { 'nx-azure-cache': '0.1.0' },
          },
        },
      },
      null,
      2,
    ),
    // As a merge of two lockfiles may leave it: package.json has the alias.
    JSON.stringify(
      {
        packages: {
          '': { devDependencies: { [name]: 'npm:nx-azure-cache@^0.1.0' } },
          [`node_modules/${name}`]: {
            version: '0.1.1',
            resolved: `https://x/${name}/-/powerpack-azure-cache-0.1.1.tgz`,
          },
          'node_modules/nx-azure-cache': { version: '0.1.0' },
        },
      },
      null,
      2,
    ),
  ],
  'pnpm pnpm-lock.yaml': [
    `importers:

  .:
    devDependencies:
      '${name}':
        specifier: npm:nx-azure-cache@^0.1.0
        version: nx-azure-cache@0.1.0(nx@24.0.6)
      nx:
        specifier: 24.0.6
`,
    `importers:
  .:
    devDependencies:
      '${name}':
        specifier: ^0.1.0
        version: 0.1.0

packages:

  '${name}@0.1.0':
    resolution: {integrity: sha512-x}

snapshots:

  '${name}@0.1.0':
    dependencies:
      nx-azure-cache: 0.1.0(nx@24.0.6)
`,
    `importers:
  .:
    devDependencies:
      '${name}':
        specifier: 0.1.1
        version: 0.1.1
      nx-azure-cache:
        specifier: 0.1.0

packages:

  '${name}@0.1.1':
    resolution: {integrity: sha512-x}

  /${name}/0.1.1:
    resolution: {integrity: sha512-x}

  nx-azure-cache@0.1.0:
    resolution: {integrity: sha512-x}
`,
  ],
  'yarn yarn.lock': [
    `"${name}@npm:nx-azure-cache@^0.1.0":
  version: 0.1.0
  resolution: "nx-azure-cache@npm:0.1.0"
  dependencies:
    vscode-jsonrpc: "npm:10.0.0"
`,
    `"${name}@^0.1.0":
  version "0.1.0"
  resolved "https://x/@nx/powerpack-azure-cache/-/a-0.1.0.tgz#x"
  dependencies:
    nx-azure-cache "0.1.0"
`,
    `"${name}@npm:0.1.1":
  version: 0.1.1
  resolution: "${name}@npm:0.1.1"
  languageName: node

"nx-azure-cache@npm:0.1.0":
  version: 0.1.0
`,
  ],
  'bun bun.lock': [
    `{
  "packages": {
    "${name}": ["nx-azure-cache@0.1.0", "", { "bin": {} }, "sha512-x"],

    "nx": ["nx@24.0.6"],
  }
}`,
    `{
  "packages": {
    "${name}": ["${name}@0.1.0", "", { "dependencies": { "nx-azure-cache": "0.1.0" } }, "sha512-x"],
  }
}`,
    `{
  "packages": {
    "${name}": ["${name}@0.1.1", "", {}, "sha512-x"],
    "nx-azure-cache": ["nx-azure-cache@0.1.0", "", {}, "sha512-x"],
  }
}`,
  ],
  'bun bun.lockb': [
    `#!/usr/bin/env bun\0${name}\0nx-azure-cache\0`,
    `${name}\0nx-azure-cache\0`,
    `#!/usr/bin/env bun\0${name}\0powerpack-azure-cache-0.1.1.tgz`,
  ],
};

describe('lockfiles', () => {
  for (const [what, [ours, aliasPackage, other]] of Object.entries(lockfiles)) {
    const [manager, file] = what.split(' ');
    for (const [kind, text, isOurs] of /** @type {const} */ ([
      ['this package', ours, true],
      ['the alias package', aliasPackage, true],
      ['another package', other, false],
    ])) {
      test(`${file}: ${kind}`, (t) => {
        for (const written of [text, text.replaceAll('\n', '\r\n')]) {
          const root = folderWith(t, { [file]: written });
          assert.deepEqual(lockedPackage(root, manager), { file, isOurs });
        }
      });
    }

    test(`${file}: without the package, or of another manager`, (t) => {
      const text = ours.replaceAll(name, '@nx/powerpack-azure');
      const root = folderWith(t, { [file]: text });
      assert.equal(lockedPackage(root, manager), undefined);
      assert.equal(lockedPackage(root, 'other'), undefined);
    });
  }

  test('a name that is no key is no entry', (t) => {
    const text = `nx@24:\n  # see ${name}: it\n  dependencies "${name}@1"\n`;
    const root = folderWith(t, { 'yarn.lock': text });
    assert.equal(lockedPackage(root, 'yarn'), undefined);
  });
});
