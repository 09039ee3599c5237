'use strict';

// The other remote caches that init reports.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const {
  COMPLETE,
  LICENSED,
  MODES,
  NO_CONNECTION,
  init,
  workspace,
} = require('./init-fixture');

describe('other remote caches', () => {
  test('are reported and kept', async (t) => {
    /** @type {[object, object, NodeJS.ProcessEnv, RegExp | undefined][]} */
    const table = [
      [{ '@nx/s3-cache': '1' }, {}, {}, /Nx tries @nx\/s3-cache first/],
      [
        { '@nx/powerpack-gcs-cache': '1' },
        {},
        {},
        /Nx tries @nx\/powerpack-gcs-cache first/,
      ],
      [
        { '@nx/shared-fs-cache': '1' },
        {},
        {},
        /Nx tries @nx\/shared-fs-cache first/,
      ],
      [
        {},
        { nxCloudId: 'x' },
        {},
        /Nx uses Nx Cloud and not this cache \(nxCloudId in nx.json\)/,
      ],
      [
        {},
        { nxCloudAccessToken: 'secret' },
        {},
        /Nx Cloud and not this cache \(nxCloudAccessToken in nx.json\)/,
      ],
      [
        {},
        { tasksRunnerOptions: { default: { runner: 'nx-cloud' } } },
        {},
        /\(tasksRunnerOptions.default in nx.json\)/,
      ],
      [
        {},
        {},
        { NX_CLOUD_ACCESS_TOKEN: 'secret' },
        /\(NX_CLOUD_ACCESS_TOKEN\)/,
      ],
      [{}, { nxCloudId: 'x', neverConnectToCloud: true }, {}, undefined],
      [{}, { nxCloudId: 'x' }, { NX_NO_CLOUD: 'true' }, undefined],
      [
        {},
        {},
        { NX_SELF_HOSTED_REMOTE_CACHE_SERVER: 'http://x' },
        /uses the server of NX_SELF_HOSTED_REMOTE_CACHE_SERVER whenever this cache is off/,
      ],
      [
        {},
        {},
        { NX_SKIP_REMOTE_CACHE: 'true' },
        /NX_SKIP_REMOTE_CACHE is set here: Nx uses no remote cache\.$/,
      ],
      [
        {},
        {},
        { NX_SKIP_NX_CACHE: 'true' },
        /NX_SKIP_NX_CACHE is set here: Nx uses no cache at all\.$/,
      ],
      [{}, {}, { NX_DISABLE_REMOTE_CACHE: 'false' }, undefined],
      [{ '@nx/js': '1', 'nx-remotecache-s3': '1' }, {}, {}, undefined],
    ];
    for (const [devDependencies, more, env, line] of table) {
      const nxJson = { azure: { ...COMPLETE, ...MODES }, ...more };
      const tree = workspace(t, {
        'nx.json': JSON.stringify(nxJson),
        'package.json': JSON.stringify({ devDependencies }),
      });
      const { output } = await init(tree, {}, { env: { ...LICENSED, ...env } });
      assert.deepEqual(tree.listChanges(), []);
      const [first, ...rest] = output.split('\n');
      if (line) assert.match(first, line);
      assert.deepEqual(line ? rest : [first, ...rest], [NO_CONNECTION]);
      assert.doesNotMatch(output, /secret|http:/);
    }
  });

  test('are reported from an extended file, too', async (t) => {
    const tree = workspace(t, {
      'nx.json': '{ "extends": "./base.json" }',
      'base.json': '{ "nxCloudId": "x" }',
    });
    const { output } = await init(tree, COMPLETE);
    assert.match(
      output,
      /Nx uses Nx Cloud and not this cache \(nxCloudId in nx.json\)/,
    );
  });
});
