'use strict';

// Who signs in, and what need not be asked then (F09).

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

test('a connection string replaces the account and is not written', async (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: CONNECTION };
  const { text, asked, output } = await init(
    tree,
    {},
    { env, answers: ['nxcache'] },
  );
  assert.deepEqual(azure(text), { container: 'nxcache', ...MODES });
  assert.deepEqual(asked, ['Blob container that holds the cache']);
  assert.equal(
    output,
    'The connection string in AZURE_STORAGE_CONNECTION_STRING will be used; it is not written to nx.json.',
  );
});

test('the connection string of the cache comes first, also in a .env file', async (t) => {
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
      'The connection string in NX_AZURE_CACHE_CONNECTION_STRING will be used; it is not written to nx.json.',
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

test('an empty connection string counts for nothing', async (t) => {
  const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: '' };
  const options = { container: 'nxcache' };
  const { output } = await init(workspace(t, {}), options, { env });
  assert.match(
    output,
    /^No AZURE_.*\n\nNext steps:\n- Fill in "accountName" in/,
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

test('F09: whatever signs in by itself replaces the account, and is named', async (t) => {
  for (const [env, container, line] of /** @type {const} */ ([
    [
      { AZURE_STORAGE_CONNECTION_STRING: ` ${CONNECTION}\n` },
      undefined,
      'The connection string in AZURE_STORAGE_CONNECTION_STRING will be used; it is not written to nx.json.',
    ],
    [
      { NX_AZURE_CACHE_SAS_URL: SAS },
      undefined,
      'The SAS URL in NX_AZURE_CACHE_SAS_URL will be used; it is not written to nx.json.',
    ],
    [
      { NX_AZURE_CACHE_SAS_URL: SAS.replace('?', 'nxcache?') },
      'nxcache',
      'The SAS URL in NX_AZURE_CACHE_SAS_URL will be used; it is not written to nx.json.',
    ],
    [
      {
        NX_AZURE_CACHE_SAS_URL:
          'http://127.0.0.1:10000/devstoreaccount1/nxcache?sig=x',
      },
      'nxcache',
      'The SAS URL in NX_AZURE_CACHE_SAS_URL will be used; it is not written to nx.json.',
    ],
    [
      {
        AZURE_STORAGE_CONNECTION_STRING: CONNECTION,
        NX_AZURE_CACHE_SAS_URL: SAS,
      },
      undefined,
      'The connection string in AZURE_STORAGE_CONNECTION_STRING will be used; it is not written to nx.json.',
    ],
    [
      {
        AZURE_STORAGE_CONNECTION_STRING: CONNECTION,
        NX_AZURE_CACHE_SAS_URL: SAS,
        NX_AZURE_CACHE_CREDENTIAL: 'sas',
      },
      undefined,
      'The SAS URL in NX_AZURE_CACHE_SAS_URL will be used; it is not written to nx.json.',
    ],
    [
      { NX_AZURE_CACHE_CREDENTIAL: 'sas' },
      undefined,
      'NX_AZURE_CACHE_CREDENTIAL asks for a SAS URL: set NX_AZURE_CACHE_SAS_URL, which is not set here.',
    ],
    [
      { NX_AZURE_CACHE_CREDENTIAL: 'connection-string' },
      undefined,
      'NX_AZURE_CACHE_CREDENTIAL asks for a connection string: set NX_AZURE_CACHE_CONNECTION_STRING, which is not set here.',
    ],
  ])) {
    const { text, asked, output } = await init(
      workspace(t, { 'nx.json': '{}' }),
      {},
      { env: { ...LICENSED, ...env }, answers: container ? [] : ['nxcache'] },
    );
    const block = container ? MODES : { container: 'nxcache', ...MODES };
    assert.deepEqual(azure(text), block, line);
    assert.deepEqual(
      asked,
      container ? [] : ['Blob container that holds the cache'],
    );
    assert.equal(output, line);
    assert.doesNotMatch(text + output, /aHVzaC1odXNo/);
  }
});

test('F09: another sign-in that is named needs the account', async (t) => {
  const env = {
    ...LICENSED,
    AZURE_STORAGE_CONNECTION_STRING: CONNECTION,
    NX_AZURE_CACHE_SAS_URL: SAS,
  };
  for (const [more, options, line] of /** @type {const} */ ([
    [
      {},
      { credential: 'azure-cli' },
      'The sign-in azure-cli will be used (azure.credential).',
    ],
    [
      { NX_AZURE_CACHE_CREDENTIAL: 'managed-identity' },
      {},
      'The sign-in managed-identity will be used (NX_AZURE_CACHE_CREDENTIAL).',
    ],
  ])) {
    const { asked, output } = await init(workspace(t, {}), options, {
      env: { ...env, ...more },
      answers: ['nxcache', 'acc'],
    });
    assert.deepEqual(asked, [
      'Blob container that holds the cache',
      'Storage account',
    ]);
    assert.equal(output, line);
  }
});

test('blank variables count for nothing', async (t) => {
  const env = {
    ...LICENSED,
    AZURE_STORAGE_CONNECTION_STRING: ' ',
    NX_AZURE_CACHE_SAS_URL: '\n',
    NX_AZURE_CACHE_CREDENTIAL: '',
  };
  const { output } = await init(workspace(t, {}), {}, { env });
  assert.match(
    output,
    /^No AZURE.*\n\nNext steps:\n- Fill in "container" and "accountName" in/,
  );
});
