'use strict';

// The generator remove: what it takes out, what it keeps, and what it says is left.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { removeGenerator } = require('../generators/remove/generator');
const { workspace } = require('./workspace-fixture');

/** @typedef {import('node:test').TestContext} TestContext */

const name = '@nx/powerpack-azure-cache';
const licenseFile = '.nx/powerpack/license.ini';
const root = path.join(__dirname, '..', '..', '..');

/** @param {string} name */
const license = (name) =>
  fs
    .readFileSync(path.join(root, 'testdata', 'license', `${name}.jwt`), 'utf8')
    .trim();

/**
 * @param {TestContext} t
 * @param {Record<string, string>} files
 */
function remove(t, files) {
  const tree = workspace(t, files);
  /** @type {string[]} */
  const lines = [];
  removeGenerator(tree, {}, { log: (line) => void lines.push(line) });
  return { tree, output: lines.join('\n') };
}

const nxJson = `// The build of the shop.
{
  "$schema": "./node_modules/@nx/powerpack-azure-cache/nx.schema.json",
  // How many at once.
  "parallel": 3, // measured
  "plugins": [
    "@nx/js", // first
    { "plugin": "nx-azure-cache" },
    "@nx/eslint"
  ],
  // Our cache.
  "azure": {
    "container": "nxcache", // in West Europe
    "accountName": "mycompanycache",
    "trust": { "containers": { "trusted": "nxcache-trusted" } }
  },
  /* last */
  "defaultBase": "main"
}
`;

test('takes out what the other generators wrote, and keeps comments', (t) => {
  const { tree, output } = remove(t, {
    'nx.json': nxJson,
    'package.json': JSON.stringify({
      devDependencies: { nx: '24.0.6', [name]: 'npm:nx-azure-cache@0.1.0' },
      overrides: { [name]: 'npm:nx-azure-cache@0.1.0' },
    }),
    [licenseFile]: `# ours\n\nlicense = ${license('valid')}\n${license('expired')}\n`,
    '.gitignore': 'dist\n.nx/powerpack\nnode_modules\n',
  });
  assert.equal(
    tree.read('nx.json', 'utf8'),
    `// The build of the shop.
{
  "$schema": "./node_modules/nx/schemas/nx-schema.json",
  // How many at once.
  "parallel": 3, // measured
  "plugins": [
    "@nx/js",
    "@nx/eslint"
  ],
  /* last */
  "defaultBase": "main"
}
`,
  );
  assert.equal(
    tree.read('package.json', 'utf8'),
    '{"devDependencies":{"nx":"24.0.6"}}',
  );
  assert.equal(tree.exists(licenseFile), false);
  assert.equal(tree.read('.gitignore', 'utf8'), 'dist\nnode_modules\n');
  assert.ok(fs.existsSync(path.join(tree.root, licenseFile)), 'a dry run');
  for (const text of [
    'Run npm install.',
    'Run npx nx reset',
    'az storage container-rm delete --storage-account mycompanycache --name nxcache && az storage container-rm delete --storage-account mycompanycache --name nxcache-trusted',
    'NX_POWERPACK_LICENSE',
  ]) {
    assert.ok(output.includes(text), output);
  }
});

test('keeps a license file with more than our licenses', (t) => {
  const [, claims] = license('valid').split('.');
  for (const line of [
    'license = something-else',
    'key = value',
    `license = ${license('valid').replace(claims, Buffer.from('{"features":["s3"]}').toString('base64url'))}`,
  ]) {
    const { tree, output } = remove(t, {
      'nx.json': '{ "azure": {} }',
      [licenseFile]: `license = ${license('valid')}\n${line}\n`,
      '.gitignore': '.nx/powerpack\n',
    });
    assert.ok(tree.exists(licenseFile), line);
    assert.equal(tree.read('.gitignore', 'utf8'), '.nx/powerpack\n');
    assert.match(output, /license\.ini: kept/);
  }
});

test('changes nothing in a workspace without the cache', (t) => {
  const { tree, output } = remove(t, {
    'nx.json': '{ "plugins": ["@nx/js"], "$schema": "x.json" }',
    'package.json': '{ "devDependencies": { "nx": "24.0.6" } }',
    '.gitignore': '.nx/powerpack-of-mine\n.nx\n',
  });
  assert.deepEqual(tree.listChanges(), []);
  assert.match(output, /^Nothing of nx-azure-cache is left in the files\.\n/);
  assert.doesNotMatch(output, /npm install/);
});

test('names a file that nx.json extends, and CI files with its variables', (t) => {
  const { output } = remove(t, {
    'nx.json': '{ "extends": "./base.json" }',
    '.github/workflows/ci.yml': 'NX_AZURE_CACHE_CREDENTIAL: github-actions',
    '.github/workflows/other.yml': 'CI: true',
  });
  assert.match(
    output,
    /nx\.json: extends \.\/base\.json; remove "azure" there/,
  );
  assert.match(output, /from \.github\/workflows\/ci\.yml and the settings/);
});

test('makes no command of a name that a shell would run', (t) => {
  const { output } = remove(t, {
    'nx.json': JSON.stringify({
      azure: { container: '`id`&"', accountName: 'x' },
    }),
  });
  assert.doesNotMatch(output, /az storage/);
  assert.match(output, /the results stay in the container\. Then/);
});
