'use strict';

// What the shim reads from nx.json, and what it sends as `initialize`.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOff,
  fakeServer,
  off,
  open,
  runAsNx,
  temporaryFolder,
} = require('./fixture');
const { version } = require('../package.json');

/** @import { TestContext } from 'node:test' */
/** @import { Options } from './fixture' */

describe('initialize', { concurrency: 3 }, () => {
  describe('nx.json', { concurrency: 3 }, () => {
    for (const [what, nxJson] of Object.entries({
      empty: '',
      malformed: '{"azure": {"container": ',
      null: 'null',
      binary: '\0\x01\x02',
    })) {
      test(`is ${what}`, async (t) => {
        const binary = fakeServer(t);
        await assertOff(t, { binary, nxJson });
      });
    }

    test('is a folder', async (t) => {
      const workspace = temporaryFolder(t);
      fs.mkdirSync(path.join(workspace, 'nx.json'));
      const options = { binary: fakeServer(t), workspace, nxJson: null };
      await assertOff(t, options, 'EISDIR');
    });

    test('extends a missing file', async (t) => {
      const nxJson = '{"extends": "./missing.json"}';
      await assertOff(t, { binary: fakeServer(t), nxJson }, 'missing.json');
    });

    for (const [name, spec, file] of [
      ['a file', './base.json', 'base.json'],
      ['a package', '@acme/preset/nx', 'node_modules/@acme/preset/nx.json'],
    ]) {
      test(`extends ${name} with the block`, async (t) => {
        const workspace = temporaryFolder(t);
        const base = path.join(workspace, file);
        fs.mkdirSync(path.dirname(base), { recursive: true });
        fs.writeFileSync(base, '{"azure": {"container": "base"}}');
        const nxJson = JSON.stringify({ extends: spec });
        const { azure } = await sentConfig(t, { workspace, nxJson });
        assert.deepEqual(azure, { container: 'base' });
      });
    }

    test('has its own block, which replaces the inherited one', async (t) => {
      const workspace = temporaryFolder(t);
      const base = path.join(workspace, 'base.json');
      fs.writeFileSync(base, '{"azure": {"container": "base"}}');
      const nxJson = '{"extends": "./base.json", "azure": {"prefix": "x"}}';
      const { azure } = await sentConfig(t, { workspace, nxJson });
      assert.deepEqual(azure, { prefix: 'x' });
    });

    for (const azure of ['null', '5', '"text"', '[1, {"a": null}]', 'false']) {
      test(`has an azure block of ${azure}`, async (t) => {
        const nxJson = `{"azure": ${azure}}`;
        const config = await sentConfig(t, { nxJson });
        assert.deepEqual(config, { azure: JSON.parse(azure) });
      });
    }

    for (const nxJson of [null, '{}', '[]', '"text"', '5']) {
      test(`is ${nxJson ?? 'missing'}: no block is sent`, async (t) => {
        assert.deepEqual(await sentConfig(t, { nxJson }), {});
      });
    }
  });
  test('sends what rpc/doc.go specifies', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (params, respond) => {
        const reason = JSON.stringify({ ...params, parent: process.ppid });
        respond.result(server.hello({ enabled: false, reason }));
      }),
    );
    const workspace = temporaryFolder(t);
    const azure = {
      container: 'c',
      unknown: { deep: [1, 'ü', null, true] },
    };
    const nxJson = JSON.stringify({ azure, targetDefaults: {} });
    const run = async (/** @type {NodeJS.ProcessEnv} */ env) => {
      const options = { binary, workspace, nxJson, env };
      const { lines } = await runAsNx(t, open, options);
      return paramsIn(lines[0]);
    };
    const { parent, processId, ...params } = await run({});
    assert.equal(processId, parent);
    assert.deepEqual(params, {
      protocolVersion: 1,
      clientVersion: version,
      workspaceRoot: workspace,
      nxVersion: require('nx/package.json').version,
      ci: false,
      config: azure,
    });
    for (const [name, value, ci] of /** @type {const} */ ([
      ['CI', 'true', true],
      ['CI', '1', true],
      ['CI', 'false', false],
      ['GITHUB_ACTIONS', 'true', true],
      ['TF_BUILD', 'true', true],
      ['GITLAB_CI', 'yes', true],
    ])) {
      assert.strictEqual((await run({ [name]: value })).ci, ci, name);
    }
  });

  for (const [keys, defaultBase] of /** @type {const} */ ([
    [{ defaultBase: 'develop' }, 'develop'],
    [{ affected: { defaultBase: 'origin/next' } }, 'origin/next'],
    [{ defaultBase: 'main', affected: { defaultBase: 'old' } }, 'main'],
    [{ defaultBase: 5 }, undefined],
    [{}, undefined],
  ])) {
    test(`sends the base ${defaultBase} for ${JSON.stringify(keys)}`, async (t) => {
      const nxJson = JSON.stringify({ azure: {}, ...keys });
      const sent = await sentParams(t, { nxJson });
      assert.equal(sent.defaultBase, defaultBase);
    });
  }

  for (const [own, other, extended, base] of /** @type {const} */ ([
    ['{}', '{"azure": {}}', ['azure'], undefined],
    ['{"azure": {}}', '{"azure": {}}', [], undefined],
    ['{"azure": null}', '{"azure": {}}', [], undefined],
    ['{}', '{"defaultBase": "a"}', ['defaultBase'], 'a'],
    ['{}', '{"affected": {"defaultBase": "a"}}', ['defaultBase'], 'a'],
    [
      '{"defaultBase": "b"}',
      '{"azure": 5, "defaultBase": "a"}',
      ['azure'],
      'b',
    ],
    // Nx uses the other file's key here, but nx.json's own key must have precedence.
    ['{"affected": {"defaultBase": "b"}}', '{"defaultBase": "a"}', [], 'b'],
    ['{"affected": 5}', '{"affected": {"defaultBase": "a"}}', [], undefined],
    ['{"defaultBase": 5}', '{"affected": {"defaultBase": "a"}}', [], undefined],
    ['{"__proto__": {"azure": {}}}', '{"azure": {}}', ['azure'], undefined],
    ['{}', '{}', [], undefined],
    ['{}', '[{"azure": {}}]', [], undefined],
  ])) {
    test(`reports ${extended} as extended for ${own}, which extends ${other}`, async (t) => {
      const workspace = temporaryFolder(t);
      fs.writeFileSync(path.join(workspace, 'base.json'), other);
      // Comments and trailing commas, as Nx reads them.
      const comma = own === '{}' ? '' : ',';
      const nxJson = `// as it is\n${own.slice(0, -1)}${comma} "extends": "./base.json",}`;
      const sent = await sentParams(t, { workspace, nxJson });
      assert.deepEqual(sent.extended ?? [], extended);
      assert.equal(sent.defaultBase, base);
    });
  }
});

/**
 * Returns what is sent as `config`, under its name in nx.json.
 *
 * @param {TestContext} t
 * @param {Options} options
 */
async function sentConfig(t, options) {
  const { config } = await sentParams(t, options);
  return config === undefined ? {} : { azure: config };
}

/**
 * Returns the parameters of `initialize`.
 *
 * @param {TestContext} t
 * @param {Options} options
 */
async function sentParams(t, options) {
  const binary = fakeServer(t, (server) =>
    server.on('initialize', (params, respond) => {
      const reason = JSON.stringify(params);
      respond.result(server.hello({ enabled: false, reason }));
    }),
  );
  const { lines } = await runAsNx(t, open, { ...options, binary });
  return paramsIn(lines[0]);
}

/**
 * The parameters in a line whose reason they are. In GitHub and Azure Pipelines, the line is
 * an annotation.
 *
 * @param {string} line
 */
function paramsIn(line) {
  const text = line.replaceAll('%5D', ']').replaceAll('%3B', ';');
  const [json] = text
    .slice(text.indexOf(off) + off.length)
    .split('; the results');
  return JSON.parse(json);
}
