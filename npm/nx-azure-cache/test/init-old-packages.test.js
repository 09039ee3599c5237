'use strict';

// How init replaces the older packages for Azure.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { version } = require('../package.json');
const {
  COMPLETE,
  MODES,
  NO_CONNECTION,
  azure,
  file,
  init,
  workspace,
} = require('./init-fixture');

/** @typedef {import('node:test').TestContext} TestContext */

const ALIAS = '@nx/powerpack-azure-cache';
const OURS = `npm:nx-azure-cache@${version}`;

/**
 * @param {TestContext} t
 * @param {object} manifest
 * @param {Record<string, string>} [files]
 */
const withPackages = (t, manifest, files = {}) =>
  workspace(t, {
    'nx.json': JSON.stringify({ azure: { ...COMPLETE, ...MODES } }),
    'package.json': JSON.stringify(manifest, null, 2),
    ...files,
  });

/** @param {object} manifest of what is installed */
const installed = (manifest, name = ALIAS) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify(manifest),
  [`node_modules/${name}/index.js`]: '',
});

describe('the older packages', () => {
  test('removes the one that Nx tries first, and keeps ours', async (t) => {
    const tree = withPackages(t, {
      dependencies: { '@nx/azure-cache': '^2.1.0' },
      devDependencies: { [ALIAS]: 'npm:nx-azure-cache@1.2.3', nx: '24.0.6' },
    });
    const { output } = await init(tree);
    assert.equal(
      tree.read('package.json', 'utf8'),
      file(
        '{',
        '  "devDependencies": {',
        `    "${ALIAS}": "npm:nx-azure-cache@1.2.3",`,
        '    "nx": "24.0.6"',
        '  }',
        '}',
      ).trimEnd(),
    );
    assert.equal(
      output,
      file(
        'package.json: removed @nx/azure-cache (^2.1.0), the older package, which Nx tries first.',
        NO_CONNECTION,
        '',
        'Next steps:',
        '- Run npm install.',
      ).trimEnd(),
    );
    const again = await init(tree);
    assert.equal(again.output, NO_CONNECTION);
  });

  test('replaces the one with the name of our alias', async (t) => {
    for (const spec of ['1.0.14', '^1.0.0', 'latest', `npm:${ALIAS}@1.0.14`]) {
      const tree = withPackages(
        t,
        { devDependencies: { [ALIAS]: spec, '@nx/key': '1.0.0' } },
        { 'pnpm-lock.yaml': '', ...installed({ name: ALIAS }) },
      );
      const { output } = await init(tree);
      const { devDependencies } = JSON.parse(
        tree.read('package.json', 'utf8') ?? '',
      );
      assert.deepEqual(devDependencies, { '@nx/key': '1.0.0', [ALIAS]: OURS });
      assert.equal(
        output,
        file(
          `package.json: removed ${ALIAS} (${spec}), the older package.`,
          `package.json: set ${ALIAS} to ${OURS}.`,
          'package.json: kept @nx/key, which the older package needed for its license; remove it if nothing else needs it.',
          NO_CONNECTION,
          '',
          'Next steps:',
          '- Run pnpm install.',
        ).trimEnd(),
      );
    }
  });

  test('restores the alias that nx migrate removed', async (t) => {
    const tree = withPackages(
      t,
      { devDependencies: { [ALIAS]: '4.0.0' } },
      installed({ name: 'nx-azure-cache' }),
    );
    const { output } = await init(tree);
    assert.match(output, new RegExp(`set ${ALIAS} to ${OURS}`));
  });

  test('replaces a single older package', async (t) => {
    const tree = withPackages(t, {
      dependencies: { '@nx/azure-cache': '2.1.0' },
    });
    await init(tree);
    assert.deepEqual(JSON.parse(tree.read('package.json', 'utf8') ?? ''), {
      dependencies: { [ALIAS]: OURS },
    });
  });

  test('keeps ours, from any source', async (t) => {
    for (const [manifest, files] of /** @type {const} */ ([
      [{ devDependencies: { [ALIAS]: 'npm:nx-azure-cache@1.2.3' } }, {}],
      [{ devDependencies: { [ALIAS]: 'npm:nx-azure-cache' } }, {}],
      [{ devDependencies: { '@nx/azure-cache': 'npm:nx-azure-cache@1' } }, {}],
      [
        { devDependencies: { [ALIAS]: '1.2.3' } }, // from a private registry
        installed({ name: ALIAS, dependencies: { 'nx-azure-cache': '1.2.3' } }),
      ],
      [
        { devDependencies: { [ALIAS]: 'catalog:' } },
        installed({ name: 'nx-azure-cache' }),
      ],
      [{ devDependencies: { [ALIAS]: 'file:./nx-azure-cache.tgz' } }, {}],
      [{ devDependencies: { nx: '24.0.6' } }, {}],
      [{ name: 'shop' }, {}],
    ])) {
      const tree = withPackages(t, manifest, files);
      const { output } = await init(tree);
      assert.deepEqual(tree.listChanges(), [], JSON.stringify(manifest));
      assert.equal(output, NO_CONNECTION);
    }
  });

  test('keeps the block, which has the same format', async (t) => {
    const block = { ...COMPLETE, localMode: 'read', ciMode: 'read-write' };
    const tree = workspace(t, {
      'nx.json': JSON.stringify({ azure: block }),
      'package.json': '{ "devDependencies": { "@nx/azure-cache": "2.1.0" } }',
    });
    const { text } = await init(tree);
    assert.deepEqual(azure(text), block);
  });

  test('reports an invalid package.json', async (t) => {
    const tree = workspace(t, { 'nx.json': '{}', 'package.json': '[]' });
    await assert.rejects(init(tree, COMPLETE), {
      message: 'package.json: not a valid JSON object',
    });
  });
});
