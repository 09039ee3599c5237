'use strict';

// A run reports that the next installation puts another company's package in the place of
// this one, as after `nx migrate @nx/powerpack-azure-cache@latest`.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  fakeServer,
  root,
  runAsNx,
  temporaryFolder,
} = require('./fixture');

/** @typedef {import('node:test').TestContext} TestContext */

const name = '@nx/powerpack-azure-cache';

/**
 * Opens the cache in a workspace with this package.json and the package installed.
 *
 * @param {TestContext} t
 * @param {unknown} manifest
 * @param {Record<string, string>} [files]
 */
async function open(t, manifest, files = {}) {
  const workspace = temporaryFolder(t);
  for (const [file, content] of Object.entries({
    'package.json': JSON.stringify(manifest),
    [`node_modules/${name}/package.json`]: JSON.stringify({
      name: 'nx-azure-cache',
      version: '0.1.0',
    }),
    [`node_modules/${name}/index.js`]: '',
    ...files,
  })) {
    fs.mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true });
    fs.writeFileSync(path.join(workspace, file), content);
  }
  const { report, lines, codes } = await runAsNx(
    t,
    async ({ getRemoteCache }) => (await getRemoteCache()) !== null,
    {
      ...{ workspace, binary: fakeServer(t) },
      env: { NODE_PATH: path.join(root, 'node_modules') },
    },
  );
  assert.equal(report, true, 'the cache works until then');
  assert.deepEqual(codes, Array(lines.length).fill('NXAC006'));
  return lines;
}

describe('package.json', { concurrency: 2 }, () => {
  test('without the alias', async (t) => {
    const devDependencies = { [name]: '4.0.0' };
    assertOneLine(
      await open(t, { devDependencies }),
      `nx-azure-cache: devDependencies in package.json has ${name} 4.0.0 without the alias npm:nx-azure-cache (did nx migrate write it?): `,
      `: run npx nx g ${name}:update`,
    );
  });

  test('of a pnpm workspace', async (t) => {
    const manifest = { dependencies: { [name]: '^4.0.0' } };
    const files = { 'pnpm-lock.yaml': '' };
    assertOneLine(
      await open(t, manifest, files),
      /: run pnpm add --save-dev @nx\/powerpack-azure-cache@npm:nx-azure-cache@latest$/,
    );
    const workspace = { ...files, 'pnpm-workspace.yaml': 'packages: []' };
    assertOneLine(
      await open(t, manifest, workspace),
      ': run pnpm add --save-dev --workspace-root @nx/',
    );
  });

  test('of a Yarn workspace', async (t) => {
    const manifest = { dependencies: { [name]: '^4.0.0' } };
    assertOneLine(
      await open(t, manifest, { 'yarn.lock': '' }),
      /: run yarn add --dev @nx\/powerpack-azure-cache@npm:nx-azure-cache@latest$/,
    );
  });

  for (const [what, manifest] of Object.entries({
    'with the alias': { devDependencies: { [name]: 'npm:nx-azure-cache@1' } },
    'with a tarball': { devDependencies: { [name]: 'file:../cache.tgz' } },
    'without the package': { devDependencies: { nx: '24.0.6' } },
    'that is a list': [name],
  })) {
    test(what, async (t) => assert.deepEqual(await open(t, manifest), []));
  }

  test('with characters that a terminal obeys', async (t) => {
    const spec = `1\u001b[2J\nall is well ${'x'.repeat(2_000)}`;
    const lines = await open(t, { devDependencies: { [name]: spec } });
    assertOneLine(lines, String.raw`1\x1b[2J`);
    assert.ok(lines[0].length < 600, lines[0]);
  });
});
