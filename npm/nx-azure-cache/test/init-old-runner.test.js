'use strict';

// How init takes over the settings of nx-remotecache-azure.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
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

const ALIAS = '@nx/powerpack-azure-cache';
const KEY = 'aHVzaC1odXNoLWh1c2gtaHVzaA==';
const SAS =
  'https://acc.blob.core.windows.net/results?sv=1&sp=rc&sig=aHVzaC1odXNo';

/** @param {object} options */
const runner = (options, more = {}) => ({
  tasksRunnerOptions: { default: { runner: 'nx-remotecache-azure', options } },
  ...more,
});

describe('nx-remotecache-azure', () => {
  test('takes over its settings but not its secrets, and reports what it removes', async (t) => {
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
      'nx.json: set azure.container to "nxcache", as before.',
      'nx.json: set azure.accountName to "acmecache", as before.',
    ]);
    assert.ok(!output.includes(KEY));
    const again = await init(tree);
    assert.equal(again.text, text);
    assert.equal(again.output, NO_CONNECTION);
  });

  test('maps each of its settings', async (t) => {
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
        /set azure.accountName to "acc"/,
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
        /set azure.endpoint to "https:/,
      ],
      [
        {
          accountName: 'acc',
          azureUrl: 'http://127.0.0.1:10000/acc',
          container: 'nxcache',
        },
        { container: 'nxcache', accountName: 'acc' },
        /not taken over: azure.endpoint in nx.json is .*; it is not https/,
      ],
      [
        { accountName: 'acc', container: 'nxcache', write: false },
        {
          container: 'nxcache',
          accountName: 'acc',
          localMode: 'read-only',
          ciMode: 'read-only',
        },
        /set azure.ciMode to "read-only"/,
      ],
      [
        { accountName: 'acc', container: 'nxcache', write: false, read: false },
        {
          container: 'nxcache',
          accountName: 'acc',
          localMode: 'no-cache',
          ciMode: 'no-cache',
        },
        /set azure.localMode to "no-cache"/,
      ],
      [
        { accountName: KEY, accountKey: KEY, container: 'nxcache' },
        { container: 'nxcache' },
        /AccountName=ACCOUNT;.*\n.*not taken over: azure.accountName/s,
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

  test('prefers existing values, and options to both', async (t) => {
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
    assert.match(output, /set azure.accountName to "oldacc", as before/);
    assert.doesNotMatch(output, /set azure.(container|endpoint) to/);
  });

  test('reports where its variables are set', async (t) => {
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

  test('a runner under another name, and one in an extended file', async (t) => {
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
