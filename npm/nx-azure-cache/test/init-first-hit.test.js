'use strict';

// The end of init: the way to the first hit, the az commands, and $schema.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const {
  COMPLETE,
  CONNECTION,
  LICENSED,
  file,
  init,
} = require('./init-fixture');
const { workspace } = require('./workspace-fixture');

const own = './node_modules/@nx/powerpack-azure-cache/nx.schema.json';
const ofNx = './node_modules/nx/schemas/nx-schema.json';

describe('the way to the first hit', () => {
  for (const [lockfile, run] of [
    ['package-lock.json', 'npx'],
    ['pnpm-lock.yaml', 'pnpm exec'],
    ['yarn.lock', 'yarn'],
    ['bun.lock', 'bunx'],
  ]) {
    test(`with ${lockfile}`, async (t) => {
      const tree = workspace(t, { 'nx.json': '{}', [lockfile]: '' });
      const { output, firstHit } = await init(tree, COMPLETE, { env: {} });
      assert.equal(
        firstHit,
        file(
          'Then:',
          `- Create the storage if it does not exist: ${run} nx g @nx/powerpack-azure-cache:init --az prints the commands.`,
          '- Sign in: az login',
          `- Check everything: ${run} nx-azure-cache doctor`,
          `- Store results: ${run} nx run-many --target=build`,
          `- Delete the local ones: ${run} nx reset`,
          `- See the first hit: ${run} nx run-many --target=build`,
        ).trimEnd(),
      );
      assert.match(output, RegExp(`with ${run} nx g @nx/.*:activate KEY`));
    });
  }

  test('without a sign-in if a secret is set', async (t) => {
    const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: CONNECTION };
    const tree = workspace(t, { 'nx.json': '{}' });
    const { firstHit } = await init(tree, { container: 'nxcache' }, { env });
    assert.doesNotMatch(firstHit, /az login|--az/);
    assert.match(firstHit, /^Then:\n- Check everything: /);
  });

  test('names the CI of the repository', async (t) => {
    const tree = workspace(t, { '.github/workflows/lint.yml': '' });
    const { firstHit } = await init(tree, COMPLETE);
    assert.match(
      firstHit,
      /\n- Write a file for GitHub Actions: npx nx g @nx\/powerpack-azure-cache:init --ci=github$/,
    );
  });

  test('the package manager of nx.json is data', async (t) => {
    const nxJson = '{ "cli": { "packageManager": "$(id); evil" } }';
    const tree = workspace(t, { 'nx.json': nxJson });
    const { firstHit, output } = await init(tree, COMPLETE);
    assert.doesNotMatch(firstHit + output, /evil/);
  });
});

describe('--az', () => {
  test('prints the commands with the names of the block', async (t) => {
    const tree = workspace(t, { 'nx.json': '{}' });
    const { firstHit } = await init(tree, {
      ...{ accountName: 'shopcache', container: 'shop-cache', az: true },
    });
    assert.match(
      firstHit,
      /^ACCOUNT=shopcache\nCONTAINER=shop-cache\n\naz login$/m,
    );
    assert.match(firstHit, /^az role assignment create /m);
  });

  test('leaves out what is no name', async (t) => {
    const tree = workspace(t, {
      'nx.json': '{ "azure": { "accountName": "$(id)", "container": "x;id" } }',
    });
    const { firstHit } = await init(tree, { az: true });
    assert.match(firstHit, /^ACCOUNT=mycompanycache .*\nCONTAINER=nxcache$/m);
  });
});

describe('$schema', () => {
  const installed = { [own]: '{}' };

  for (const [before, after] of [
    ['{}', `{\n  "$schema": "${own}"`],
    [
      `{\n  "$schema": "${ofNx}",\n  "a": 1\n}`,
      `{\n  "$schema": "${own}",\n  "a": 1`,
    ],
    [`{ "$schema": "${ofNx.slice(2)}" }`, `{ "$schema": "${own}"`],
    [
      '{\n  // one\n  "a": 1\n}',
      `{\n  "$schema": "${own}",\n  // one\n  "a": 1`,
    ],
    ['{ "a": 1 }', `{ "$schema": "${own}", "a": 1`],
    [`{ "$schema": "${own}" }`, `{ "$schema": "${own}"`],
    // Kept: someone chose them.
    [
      '{ "$schema": "https://example.com/x.json" }',
      '{ "$schema": "https://example.com/x.json"',
    ],
    ['{ "$schema": 1 }', '{ "$schema": 1'],
  ]) {
    test(before, async (t) => {
      const tree = workspace(t, { 'nx.json': before, ...installed });
      const { text } = await init(tree, COMPLETE);
      assert.ok(text.startsWith(after), text);
      assert.ok(text.includes('"azure"'));
      assert.equal((await init(tree, COMPLETE)).text, text);
    });
  }

  test('is not set without the file, as with Plug and Play', async (t) => {
    const { text } = await init(workspace(t, { 'nx.json': '{}' }), COMPLETE);
    assert.doesNotMatch(text, /schema/);
  });
});
