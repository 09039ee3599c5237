'use strict';

// What init takes over from older caches on Azure, and what it says of others.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { version } = require('../package.json');
const {
  COMPLETE,
  CONNECTION,
  LICENSED,
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
const KEY = 'aHVzaC1odXNoLWh1c2gtaHVzaA==';
const SAS =
  'https://acc.blob.core.windows.net/results?sv=1&sp=rc&sig=aHVzaC1odXNo';

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
  test('the one that Nx asks first goes, and ours stays', async (t) => {
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

  test('the one of the name of ours becomes ours', async (t) => {
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

  test('one that is all there is becomes ours', async (t) => {
    const tree = withPackages(t, {
      dependencies: { '@nx/azure-cache': '2.1.0' },
    });
    await init(tree);
    assert.deepEqual(JSON.parse(tree.read('package.json', 'utf8') ?? ''), {
      dependencies: { [ALIAS]: OURS },
    });
  });

  test('ours stays, wherever it is from', async (t) => {
    for (const [manifest, files] of /** @type {const} */ ([
      [{ devDependencies: { [ALIAS]: 'npm:nx-azure-cache@1.2.3' } }, {}],
      [{ devDependencies: { [ALIAS]: 'npm:nx-azure-cache' } }, {}],
      [{ devDependencies: { '@nx/azure-cache': 'npm:nx-azure-cache@1' } }, {}],
      [
        { devDependencies: { [ALIAS]: '1.2.3' } }, // of a private registry
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

  test('the block is the same, and stays as it is', async (t) => {
    const block = { ...COMPLETE, localMode: 'read', ciMode: 'read-write' };
    const tree = workspace(t, {
      'nx.json': JSON.stringify({ azure: block }),
      'package.json': '{ "devDependencies": { "@nx/azure-cache": "2.1.0" } }',
    });
    const { text } = await init(tree);
    assert.deepEqual(azure(text), block);
  });

  test('a package.json that is none is named', async (t) => {
    const tree = workspace(t, { 'nx.json': '{}', 'package.json': '[]' });
    await assert.rejects(init(tree, COMPLETE), {
      message: 'package.json: not a valid JSON object',
    });
  });
});

/** @param {object} options */
const runner = (options, more = {}) => ({
  tasksRunnerOptions: { default: { runner: 'nx-remotecache-azure', options } },
  ...more,
});

describe('nx-remotecache-azure', () => {
  test('its settings are kept, its secrets are not, and what goes is told', async (t) => {
    const tree = workspace(t, {
      'nx.json': file(
        '{',
        '  // the cache',
        '  "tasksRunnerOptions": {',
        '    "default": {',
        '      "runner": "nx-remotecache-azure",',
        '      "options": {',
        '        "accountName": "acmecache",',
        `        "accountKey": "${KEY}",`,
        '        "container": "nxcache",',
        '        "silent": true,',
        '        "cacheableOperations": ["build", "test"] // Nx\'s',
        '      }',
        '    }',
        '  },',
        '  "defaultBase": "main"',
        '}',
      ),
      'package.json': JSON.stringify({
        devDependencies: {
          'nx-remotecache-azure': '^20.0.0',
          [ALIAS]: 'npm:nx-azure-cache@1.2.3',
        },
      }),
    });
    const { text, asked, output } = await init(tree, {}, { answers: [] });
    assert.deepEqual(asked, []);
    assert.equal(
      text,
      file(
        '{',
        '  // the cache',
        '  "tasksRunnerOptions": {',
        '    "default": {',
        '      "options": {',
        '        "cacheableOperations": ["build", "test"] // Nx\'s',
        '      }',
        '    }',
        '  },',
        '  "defaultBase": "main",',
        '  "azure": {',
        '    "container": "nxcache",',
        '    "accountName": "acmecache",',
        '    "localMode": "read-write",',
        '    "ciMode": "read-write",',
        '    "trust": {',
        '      "branches": [',
        '        "main"',
        '      ]',
        '    }',
        '  }',
        '}',
      ),
    );
    assert.deepEqual(JSON.parse(tree.read('package.json', 'utf8') ?? ''), {
      devDependencies: { [ALIAS]: 'npm:nx-azure-cache@1.2.3' },
    });
    assert.deepEqual(output.split('\n').slice(0, 5), [
      'package.json: removed nx-remotecache-azure (^20.0.0): Nx 21 and later ignore task runners.',
      'nx.json: removed the runner nx-remotecache-azure from tasksRunnerOptions.default, and its options accountName, accountKey, container, silent.',
      'nx.json: removed the account key; set AZURE_STORAGE_CONNECTION_STRING to DefaultEndpointsProtocol=https;AccountName=acmecache;AccountKey=KEY;EndpointSuffix=core.windows.net. The history of nx.json still has it: rotate it.',
      'nx.json: azure.container is "nxcache", as before.',
      'nx.json: azure.accountName is "acmecache", as before.',
    ]);
    assert.ok(!output.includes(KEY));
    const again = await init(tree);
    assert.equal(again.text, text);
    assert.equal(again.output, NO_CONNECTION);
  });

  test('each of its settings has its place', async (t) => {
    for (const [
      options,
      block,
      says,
    ] of /** @type {[object, object, RegExp][]} */ ([
      [
        { connectionString: CONNECTION, container: 'nxcache' },
        { container: 'nxcache' },
        /removed the connection string; set AZURE_STORAGE_CONNECTION_STRING to it/,
      ],
      [
        { sasUrl: SAS, container: 'another' },
        { container: 'results' },
        /removed the SAS URL; set NX_AZURE_CACHE_SAS_URL to it/,
      ],
      [
        { accountName: 'acc', adAuth: true, container: 'nxcache' },
        { container: 'nxcache', accountName: 'acc' },
        /its options accountName, adAuth, container\./,
      ],
      [
        {
          accountName: 'acc',
          azureUrl: 'https://acc.blob.core.windows.net/',
          container: 'nxcache',
        },
        { container: 'nxcache', accountName: 'acc' },
        /azure.accountName is "acc"/,
      ],
      [
        {
          accountName: 'acc',
          azureUrl: 'https://acc.privatelink.example',
          container: 'nxcache',
        },
        {
          container: 'nxcache',
          accountName: 'acc',
          endpoint: 'https://acc.privatelink.example',
        },
        /azure.endpoint is "https:/,
      ],
      [
        {
          accountName: 'acc',
          azureUrl: 'http://127.0.0.1:10000/acc',
          container: 'nxcache',
        },
        { container: 'nxcache', accountName: 'acc' },
        /azure.endpoint was not set: endpoint must be an https URL/,
      ],
      [
        { accountName: 'acc', container: 'nxcache', write: false },
        {
          container: 'nxcache',
          accountName: 'acc',
          localMode: 'read-only',
          ciMode: 'read-only',
        },
        /azure.ciMode is "read-only"/,
      ],
      [
        { accountName: 'acc', container: 'nxcache', write: false, read: false },
        {
          container: 'nxcache',
          accountName: 'acc',
          localMode: 'no-cache',
          ciMode: 'no-cache',
        },
        /azure.localMode is "no-cache"/,
      ],
      [
        { accountName: KEY, accountKey: KEY, container: 'nxcache' },
        { container: 'nxcache' },
        /azure.accountName was not set: .*AccountName=ACCOUNT;|AccountName=ACCOUNT;/,
      ],
      [
        { accountName: 'acc', container: 'nxcache', write: true, read: false },
        { container: 'nxcache', accountName: 'acc' },
        /there is no write-only mode; the mode is read-write/,
      ],
      [{}, {}, /Fill in "container" and "accountName"/],
    ])) {
      const tree = workspace(t, { 'nx.json': JSON.stringify(runner(options)) });
      const { text, output } = await init(tree);
      assert.deepEqual(JSON.parse(text), { azure: { ...MODES, ...block } });
      assert.match(output, says);
      assert.doesNotMatch(text + output, /aHVz/);
    }
  });

  test('what is in the block already counts more, and an option most', async (t) => {
    const tree = workspace(t, {
      'nx.json': JSON.stringify(
        runner(
          {
            container: 'old',
            accountName: 'oldacc',
            azureUrl: 'https://10.0.0.4',
          },
          { azure: { container: 'mine', accountName: '' } },
        ),
      ),
    });
    const { text, output } = await init(tree, { endpoint: 'https://10.0.0.5' });
    assert.deepEqual(azure(text), {
      container: 'mine',
      accountName: 'oldacc',
      endpoint: 'https://10.0.0.5',
      ...MODES,
    });
    assert.match(output, /azure.accountName is "oldacc", as before/);
    assert.doesNotMatch(output, /azure.(container|endpoint) is/);
  });

  test('its variables are named where they are set', async (t) => {
    const tree = workspace(t, {
      'nx.json': JSON.stringify(runner({})),
      '.env': 'NXCACHE_AZURE_ACCOUNT_NAME=acc\n',
      '.github/workflows/ci.yml':
        'env:\n  NXCACHE_AZURE_CONNECTION_STRING: ${{ secrets.NX }}\n',
      'azure-pipelines.yml': '- NX_CACHE_AZURE_CONTAINER: x',
    });
    const { text, output } = await init(
      tree,
      {},
      {
        env: {
          ...LICENSED,
          NXCACHE_AZURE_ACCOUNT_NAME: 'acc',
          NXCACHE_AZURE_CONTAINER: 'nxcache',
          NXCACHE_AZURE_CONNECTION_STRING: CONNECTION,
          NXCACHE_WRITE: 'false',
        },
      },
    );
    assert.deepEqual(azure(text), {
      container: 'nxcache',
      accountName: 'acc',
      localMode: 'read-only',
      ciMode: 'read-only',
    });
    for (const line of [
      'this environment, .github/workflows/ci.yml: NXCACHE_AZURE_CONNECTION_STRING is no longer read; rename it to AZURE_STORAGE_CONNECTION_STRING.',
      'this environment, .env: NXCACHE_AZURE_ACCOUNT_NAME is no longer read; use azure.accountName in nx.json.',
      'azure-pipelines.yml: NX_CACHE_AZURE_CONTAINER is no longer read; use azure.container in nx.json.',
      'this environment: NXCACHE_WRITE is no longer read; if it is false, set NX_POWERPACK_CACHE_MODE to read-only or no-cache.',
    ]) {
      assert.ok(output.split('\n').includes(line), `${line}\nin\n${output}`);
    }
    assert.doesNotMatch(output, /aHVz/);
  });

  test('a runner of another name, and one in what nx.json extends', async (t) => {
    const two = {
      tasksRunnerOptions: {
        default: {
          runner: 'nx/tasks-runners/default',
          options: { parallel: 3 },
        },
        ci: {
          runner: 'nx-remotecache-azure',
          options: { container: 'nxcache' },
        },
      },
    };
    const tree = workspace(t, { 'nx.json': JSON.stringify(two) });
    const { text } = await init(tree);
    assert.deepEqual(JSON.parse(text), {
      tasksRunnerOptions: { default: two.tasksRunnerOptions.default },
      azure: { container: 'nxcache', ...MODES },
    });

    const base = workspace(t, {
      'nx.json': '{ "extends": "./base.json" }',
      'base.json': JSON.stringify(runner({})),
    });
    const { output } = await init(base, COMPLETE);
    assert.match(
      output,
      /^The file that nx.json extends has the runner nx-remotecache-azure in tasksRunnerOptions: remove it there\.$/m,
    );
    assert.deepEqual(
      base.listChanges().map(({ path }) => path),
      ['nx.json'],
    );
  });
});

describe('other remote caches', () => {
  test('are named, and stay', async (t) => {
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

  test('also where what nx.json extends has them', async (t) => {
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
