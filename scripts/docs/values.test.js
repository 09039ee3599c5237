'use strict';

// Gives every value of nx.json in the pages to the binary.

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { Ajv } = require('ajv');
const { Client } = require('../../npm/nx-azure-cache/lib/client');
const { version } = require('../build');
const { cleanUp, temporaryFolder } = require('../kit/cleanup');
const { developmentLicense } = require('../kit/license');
const { alias } = require('../kit/names');
const { run } = require('../kit/run');
const { buildServer } = require('../kit/sessions/programs');
const { blocks } = require('./code');
const { read } = require('./pages');

/** The files beside the pages that other JSON blocks show, by a key of each. */
const filesOfJson = { Name: 'role-add.json' };

const folder = temporaryFolder('values');
const binary = path.join(folder, 'nx-azure-cache');

before(() => buildServer(folder, 'development'));
after(cleanUp);

describe('values of nx.json', () => {
  const values = blocks
    .filter(({ language }) => language === 'json')
    .map(({ page, code }) => ({ page, value: JSON.parse(code) }));

  test('are valid and cause no warning', async () => {
    const azure = values.filter(({ value }) => 'azure' in value);
    assert.ok(azure.length >= 12);
    const license = await developmentLicense();
    const key = await publicKey();
    for (const { page, value } of azure) {
      // The pages abbreviate keys.
      if (value.azure.trust?.publicKeys) value.azure.trust.publicKeys = [key];
      const config = {
        container: 'nxcache',
        accountName: 'acme',
        ...value.azure,
      };
      const { enabled, reason, warnings } = await initialize(config, license);
      assert.equal(
        enabled,
        true,
        `${page}: ${JSON.stringify(config)}: ${reason}`,
      );
      assert.deepEqual(warnings, [], page);
    }
    const wrong = await initialize(
      { container: 'A', accountNme: 'acme' },
      license,
    );
    assert.equal(wrong.enabled, false);
  });

  test('are valid by the schema of nx.json', () => {
    const ajv = new Ajv({ strict: false, validateSchema: false });
    const schema = JSON.parse(read('npm/nx-azure-cache/schema.json'));
    delete schema.$schema; // ajv knows this draft by an address with "#"
    const validate = ajv.compile(schema);
    for (const { page, value } of values) {
      if (!('azure' in value)) continue;
      validate(value.azure);
      assert.deepEqual(validate.errors ?? [], [], page);
    }
    assert.equal(validate({ container: 'A' }), false);
  });

  test('of package.json pin this version under the alias', () => {
    const files = values.filter(({ value }) => 'devDependencies' in value);
    assert.ok(files.length > 0);
    for (const { page, value } of files) {
      const { devDependencies, overrides = devDependencies } = value;
      for (const pinned of [devDependencies, overrides]) {
        assert.deepEqual(Object.keys(pinned), [alias], page);
        const [, found] =
          /^npm:nx-azure-cache@\^?(.*)/.exec(pinned[alias]) ?? [];
        assert.equal(found, version, page);
      }
    }
  });

  test('or are files beside the pages', () => {
    for (const { page, value } of values) {
      if ('azure' in value || 'devDependencies' in value) continue;
      const [, file] =
        Object.entries(filesOfJson).find(([key]) => key in value) ?? [];
      assert.ok(file, `${page}: ${JSON.stringify(value).slice(0, 80)}`);
      assert.deepEqual(JSON.parse(read(`docs/azure/${file}`)), value);
    }
  });
});

async function publicKey() {
  const file = path.join(folder, 'key.pem');
  await run(binary, ['keys', 'generate', '--out', file]);
  const { stdout } = await run(binary, ['keys', 'show', file]);
  const [key] = /MCow\S+/.exec(stdout) ?? [];
  return key;
}

/**
 * Sends a block "azure" of nx.json to the binary and returns its response. Sends nothing to
 * the storage.
 *
 * @param {object} config
 * @param {string} license
 * @returns {Promise<{ enabled: boolean, reason?: string, warnings: string[] }>}
 */
async function initialize(config, license) {
  /** @type {string[]} */
  const warnings = [];
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NX_POWERPACK_LICENSE: license,
    NX_AZURE_CACHE_CREDENTIAL: 'anonymous',
    HTTPS_PROXY: 'http://127.0.0.1:9', // nothing leaves this machine
  };
  const client = await Client.start(binary, ['serve'], env, {
    onLog: ({ message }) => warnings.push(message),
    onStored: () => {},
    onStderr: () => {},
    onEnd: () => {},
  });
  const result = await client.call(
    'initialize',
    {
      ...{ protocolVersion: 1, clientVersion: 'test', processId: process.pid },
      ...{ workspaceRoot: folder, nxVersion: '24.0.6', ci: false, config },
    },
    10_000,
  );
  client.close();
  return { ...result, warnings };
}
