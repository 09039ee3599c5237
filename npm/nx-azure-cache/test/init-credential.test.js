'use strict';

// Which credential the cache will use, and which questions init then skips (F09).

const assert = require('node:assert/strict');
const { test } = require('node:test');
const {
  CONNECTION,
  LICENSED,
  MODES,
  NO_CONNECTION,
  azure,
  init,
  workspace,
} = require('./init-fixture');

test('a connection string replaces the account and is not written to nx.json', async (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: CONNECTION };
  const { text, asked, output } = await init(
    tree,
    {},
    { env, answers: ['nxcache'] },
  );
  assert.deepEqual(azure(text), { container: 'nxcache', ...MODES });
  assert.deepEqual(asked, ['Blob container for the cache']);
  assert.equal(
    output,
    'The cache will use the connection string in AZURE_STORAGE_CONNECTION_STRING, which is not written to nx.json.',
  );
});

test('the connection string of the cache comes first, even in a .env file', async (t) => {
  const ours = { NX_AZURE_CACHE_CONNECTION_STRING: CONNECTION };
  const theirs = { AZURE_STORAGE_CONNECTION_STRING: CONNECTION };
  for (const env of [ours, { ...ours, ...theirs }]) {
    const { output } = await init(
      workspace(t, {}),
      { container: 'nxcache' },
      { env: { ...LICENSED, ...env } },
    );
    assert.equal(
      output,
      'The cache will use the connection string in NX_AZURE_CACHE_CONNECTION_STRING, which is not written to nx.json.',
    );
  }
  const before = { ...process.env };
  t.after(() => (process.env = before));
  process.env = { ...before, ...ours, NX_AZURE_CACHE_SAS_URL: 'x' };
  const { Environment } = require('../lib/environment');
  const seen = new Environment(before, []).seenByRuns();
  assert.equal(seen.NX_AZURE_CACHE_CONNECTION_STRING, CONNECTION);
  assert.equal(seen.NX_AZURE_CACHE_SAS_URL, undefined);
});

test('an empty connection string counts as unset', async (t) => {
  const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: '' };
  const options = { container: 'nxcache' };
  const { output } = await init(workspace(t, {}), options, { env });
  assert.match(
    output,
    /^Neither AZURE_.*\n\nNext steps:\n- Fill in "accountName" in/,
  );
});

test('an endpoint replaces the account', async (t) => {
  const endpoint = 'https://nxcache.privatelink.example';
  const options = { container: 'nxcache', endpoint };
  const { text, output } = await init(workspace(t, {}), options, {
    answers: [],
  });
  assert.deepEqual(azure(text), { ...options, ...MODES });
  assert.equal(output, NO_CONNECTION);
});

const SAS = 'https://acc.blob.core.windows.net/?sv=1&sig=aHVzaC1odXNo';

test('F09: a secret of the account replaces the account name, and is reported', async (t) => {
  for (const [env, container, line] of /** @type {const} */ ([
    [
      { AZURE_STORAGE_CONNECTION_STRING: ` ${CONNECTION}\n` },
      undefined,
      'The cache will use the connection string in AZURE_STORAGE_CONNECTION_STRING, which is not written to nx.json.',
    ],
    [
      { NX_AZURE_CACHE_SAS_URL: SAS },
      undefined,
      'The cache will use the SAS URL in NX_AZURE_CACHE_SAS_URL, which is not written to nx.json.',
    ],
    [
      { NX_AZURE_CACHE_SAS_URL: SAS.replace('?', 'nxcache?') },
      'nxcache',
      'The cache will use the SAS URL in NX_AZURE_CACHE_SAS_URL, which is not written to nx.json.',
    ],
    [
      {
        NX_AZURE_CACHE_SAS_URL:
          'http://127.0.0.1:10000/devstoreaccount1/nxcache?sig=x',
      },
      'nxcache',
      'The cache will use the SAS URL in NX_AZURE_CACHE_SAS_URL, which is not written to nx.json.',
    ],
    [
      {
        AZURE_STORAGE_CONNECTION_STRING: CONNECTION,
        NX_AZURE_CACHE_SAS_URL: SAS,
      },
      undefined,
      'The cache will use the connection string in AZURE_STORAGE_CONNECTION_STRING, which is not written to nx.json.',
    ],
    [
      {
        AZURE_STORAGE_CONNECTION_STRING: CONNECTION,
        NX_AZURE_CACHE_SAS_URL: SAS,
        NX_AZURE_CACHE_CREDENTIAL: 'sas',
      },
      undefined,
      'The cache will use the SAS URL in NX_AZURE_CACHE_SAS_URL, which is not written to nx.json.',
    ],
    [
      { NX_AZURE_CACHE_CREDENTIAL: 'sas' },
      undefined,
      'NX_AZURE_CACHE_SAS_URL is not set, and NX_AZURE_CACHE_CREDENTIAL is sas.',
    ],
    [
      { NX_AZURE_CACHE_CREDENTIAL: 'connection-string' },
      undefined,
      'AZURE_STORAGE_CONNECTION_STRING is not set, nor is NX_AZURE_CACHE_CONNECTION_STRING, and NX_AZURE_CACHE_CREDENTIAL is connection-string.',
    ],
  ])) {
    const { text, asked, output } = await init(
      workspace(t, { 'nx.json': '{}' }),
      {},
      { env: { ...LICENSED, ...env }, answers: container ? [] : ['nxcache'] },
    );
    const block = container ? MODES : { container: 'nxcache', ...MODES };
    assert.deepEqual(azure(text), block, line);
    assert.deepEqual(asked, container ? [] : ['Blob container for the cache']);
    assert.equal(output, line);
    assert.doesNotMatch(text + output, /aHVzaC1odXNo/);
  }
});

test('F09: another credential needs the account name', async (t) => {
  const env = {
    ...LICENSED,
    AZURE_STORAGE_CONNECTION_STRING: CONNECTION,
    NX_AZURE_CACHE_SAS_URL: SAS,
  };
  for (const [more, options, line] of /** @type {const} */ ([
    [
      {},
      { credential: 'azure-cli' },
      'The cache will use the credential azure-cli (azure.credential).',
    ],
    [
      { NX_AZURE_CACHE_CREDENTIAL: 'managed-identity' },
      {},
      'The cache will use the credential managed-identity (NX_AZURE_CACHE_CREDENTIAL).',
    ],
  ])) {
    const { asked, output } = await init(workspace(t, {}), options, {
      env: { ...env, ...more },
      answers: ['nxcache', 'acc'],
    });
    assert.deepEqual(asked, [
      'Blob container for the cache',
      'Storage account',
    ]);
    assert.equal(output, line);
  }
});

test('blank variables count as unset', async (t) => {
  const env = {
    ...LICENSED,
    AZURE_STORAGE_CONNECTION_STRING: ' ',
    NX_AZURE_CACHE_SAS_URL: '\n',
    NX_AZURE_CACHE_CREDENTIAL: '',
  };
  const { output } = await init(workspace(t, {}), {}, { env });
  assert.match(
    output,
    /^Neither AZURE.*\n\nNext steps:\n- Fill in "container" and "accountName" in/,
  );
});
