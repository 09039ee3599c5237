'use strict';

// Checks that our code reads every variable in the pages, or that it is listed here.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { root } = require('../kit/root');
const { pages, read } = require('./pages');

/** Variables that other programs read, or that the pages define. */
const others = {
  'azidentity reads them':
    'AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_TOKEN_CREDENTIALS',
  'Nx reads them':
    'NX_DISABLE_REMOTE_CACHE NX_KEY NX_SKIP_REMOTE_CACHE NX_VERBOSE_LOGGING',
  'variables of the repository on GitHub':
    'NX_CACHE_TRUSTED_CLIENT_ID NX_CACHE_PULL_REQUESTS_CLIENT_ID NX_LICENSE_ISSUERS',
  'the token of GitLab, by the name its job gives it': 'AZURE_ID_TOKEN',
  'of nx-remotecache-azure':
    'NXCACHE_AZURE_CONTAINER NXCACHE_AZURE_ACCOUNT_NAME NXCACHE_AZURE_URL NXCACHE_AZURE_CONNECTION_STRING NXCACHE_AZURE_ACCOUNT_KEY NXCACHE_AZURE_SAS_URL NXCACHE_AZURE_AD_AUTH',
};
const externalVariables = Object.values(others).flatMap((names) =>
  names.split(' '),
);

const variables =
  /\b(?:NX|NXCACHE|AZURE|AZURESUBSCRIPTION|ACTIONS|SYSTEM)_[A-Z][A-Z_]*[A-Z]\b/g;

/** The source of both languages, without tests. */
const source = ['cmd', 'cache', 'license', 'rpc', 'npm', 'scripts']
  .flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), {
        recursive: true,
        encoding: 'utf8',
      })
      .map((file) => path.join(folder, file)),
  )
  .filter((file) => /\.(go|js)$/.test(file))
  .filter((file) => !/_test\.go$|\.test\.js$|node_modules/.test(file))
  .map((file) => read(file))
  .join('\n');
const known = new Set(source.match(variables));

describe('variables', () => {
  for (const page of pages) {
    const used = [...new Set(read(page).match(variables))];
    if (used.length === 0) continue;
    test(`of ${page} are known`, () => {
      const unknown = used.filter(
        (name) => !known.has(name) && !externalVariables.includes(name),
      );
      assert.deepEqual(unknown, []);
    });
  }

  test('of other programs are in the pages', () => {
    const all = pages.map(read).join('\n');
    const used = new Set(all.match(variables));
    assert.deepEqual(
      externalVariables.filter((name) => !used.has(name)),
      [],
    );
  });

  test('of this package are all in docs/configuration.md', () => {
    const ours = [...known].filter(
      (name) => /^NX_AZURE_CACHE_/.test(name) && !internal.includes(name),
    );
    const page = read('docs/configuration.md');
    assert.ok(ours.length >= 8);
    assert.deepEqual(
      ours.filter((name) => !page.includes(name)),
      [],
    );
  });

  test('of the repository on GitHub are set in the pages', () => {
    const all = pages.map(read).join('\n');
    for (const name of others['variables of the repository on GitHub'].split(
      ' ',
    )) {
      assert.match(all, new RegExp(`gh variable set ${name}|\`${name}\` with`));
    }
  });
});

/** Used only between parts of this repository. */
const internal = [
  'NX_AZURE_CACHE_TEST_AZURITE',
  'NX_AZURE_CACHE_TEST_CONTAINER',
  'NX_AZURE_CACHE_TEST_NO_SKIP',
  'NX_AZURE_CACHE_TEST_PLATFORMS',
  'NX_AZURE_CACHE_TEST_SMALL_DISK',
  'NX_AZURE_CACHE_WORKSPACE',
];
