'use strict';

// The values of the options, which the binary checks.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const {
  COMPLETE,
  CONNECTION,
  MODES,
  azure,
  init,
  workspace,
} = require('./init-fixture');
const { initGenerator } = require('../generators/init/generator');

/** @typedef {import('../generators/init/schema').InitGeneratorSchema} Options */

const folder = path.join(__dirname, '..', 'generators', 'init');
const schema = readJson('../generators/init/schema.json');

/** @param {string} name */
function readJson(name) {
  return JSON.parse(fs.readFileSync(path.join(__dirname, name), 'utf8'));
}

/**
 * Options with the first value of each key, then those with the second, and so on: the
 * generator takes and reports all options of a run, so a run checks a value of each key.
 * But with an endpoint, the binary does not check the account's name.
 *
 * @param {Record<string, unknown[]>} table
 * @returns {Options[]}
 */
function optionsOf({ endpoint, ...table }) {
  const shifted = [...table.accountName.map(() => undefined), ...endpoint];
  const columns = Object.entries({ ...table, endpoint: shifted });
  const most = Math.max(...columns.map(([, values]) => values.length));
  return Array.from({ length: most }, (_, i) =>
    Object.fromEntries(
      columns
        .map(([key, values]) => [key, values[i]])
        .filter(([, value]) => value !== undefined),
    ),
  );
}

/**
 * Asserts that the generator rejects each of the options and writes nothing. Returns the
 * error, which has a line for each of them.
 *
 * @param {import('node:test').TestContext} t
 * @param {Options} options
 */
async function rejection(t, options) {
  const tree = workspace(t, {});
  const error = await init(tree, options).then(
    () => assert.fail(`accepted: ${JSON.stringify(options)}`),
    (/** @type {Error} */ error) => error,
  );
  assert.deepEqual(
    error.message.split('\n').map((line) => /^--(\w+)/.exec(line)?.[1]),
    Object.keys(options).sort(),
    `${JSON.stringify(options)}: ${error.message}`,
  );
  assert.deepEqual(tree.listChanges(), []);
  return error;
}

test('valid values', async (t) => {
  /** @type {Record<string, string[]>} */
  const table = {
    container: ['abc', 'a1b', '123', 'nx-cache-2', 'a'.repeat(63)],
    accountName: ['abc', '123', 'a'.repeat(24)],
    endpoint: [
      'https://acc.blob.core.windows.net',
      'https://acc.blob.core.windows.net/',
      'https://127.0.0.1:10000/devstoreaccount1',
    ],
    prefix: ['a', 'team-a/shop_1/v1.2'],
    credential: ['azure-cli', 'connection-string', 'default'],
    cloud: ['public', 'usgovernment', 'china'],
    localMode: ['read-write', 'read-only', 'read', 'no-cache'],
    ciMode: ['read-write', 'read-only', 'read', 'no-cache'],
    maxArtifactSize: ['500MB', '1.5 GiB', '1B'],
    include: [],
    exclude: [],
  };
  assert.deepEqual(
    [...Object.keys(table), 'ci', 'az'], // which are not in nx.json
    Object.keys(schema.properties),
  );
  for (const options of optionsOf(table)) {
    const { text } = await init(workspace(t, {}), options);
    for (const [key, value] of Object.entries(options)) {
      const expected = value === 'read' ? 'read-only' : value;
      assert.equal(azure(text)[key], expected, key);
    }
  }
});

test('converts values of the command line for nx.json', async (t) => {
  for (const [options, want] of /** @type {[object, object][]} */ ([
    [{ maxArtifactSize: '500000000' }, { maxArtifactSize: 500_000_000 }],
    [{ include: ['build', 'shop:*'] }, { include: ['build', 'shop:*'] }],
    [{ exclude: 'build,e2e-*' }, { exclude: ['build', 'e2e-*'] }],
    [{ container: ' abc\n' }, { container: 'abc' }],
  ])) {
    const { text } = await init(workspace(t, {}), options);
    assert.deepEqual(azure(text), { ...want, ...MODES });
  }
});

test('empty options count as not given', async (t) => {
  const empty = Object.fromEntries(
    Object.keys(schema.properties).map((key) => [key, '']),
  );
  const tree = workspace(t, {
    'nx.json': JSON.stringify({ azure: { ...COMPLETE, ...MODES } }),
  });
  await init(tree, { ...empty, include: [], exclude: [] });
  assert.deepEqual(tree.listChanges(), []);
});

test('reports invalid values with what is allowed, and writes nothing', async (t) => {
  /** @type {Record<string, unknown[]>} */
  const table = {
    container: [
      'ab',
      'a'.repeat(64),
      'Nx',
      'a--b',
      '-ab',
      'ab-',
      'a_b',
      '$root',
      '$web',
      7,
      null,
    ],
    accountName: [
      'ab',
      'a'.repeat(25),
      'Acc',
      'my-acc',
      'acc.blob.core.windows.net',
      true,
    ],
    endpoint: [
      'acc',
      'http://acc.blob.core.windows.net',
      'https://',
      'https:///x',
      'https://a b',
      'https://[',
      'https://acc.example/#x',
      'https://user:word@acc.example',
      'https://acc.example/?',
    ],
    prefix: ['/', '/a', 'a/', 'a//b', '.', '..', 'a/../b', 'a b', 'ä', 'a\\b'],
    credential: ['cli', 'msi', 'Azure-CLI', 7],
    cloud: ['germany', 'AzureChinaCloud'],
    maxArtifactSize: ['0', '1TB', '500mb', -1, true],
    include: ['!build', ['{a,b}'], 7],
    exclude: [['build', 'a b']],
    localMode: ['write', 'READ', 'readonly', false],
    ciMode: ['write', 'off', 'none'],
  };
  for (const options of optionsOf(table)) {
    const { message } = await rejection(t, options);
    for (const line of message.split('\n')) {
      assert.match(line, /^--\w+ ((is|has) .+;|must be) .+/);
    }
  }
});

test('accepts the options that the binary accepts', async (t) => {
  /** @type {{ key: string, value: any, valid: boolean }[]} */
  const values = readJson('../../../testdata/config/values.json');
  assert.ok(values.length > 0);
  /** @type {Record<string, Record<string, unknown[]>>} */
  const tables = { valid: {}, invalid: {} };
  for (const { key, value, valid } of values) {
    // Options are strings, and empty ones count as not given.
    const isText = typeof value === 'string' && !/^\d*$/.test(value);
    const isList = key === 'include' || key === 'exclude';
    if (!isText || isList || !(key in schema.properties)) continue;
    (tables[valid ? 'valid' : 'invalid'][key] ??= []).push(value);
  }
  for (const options of optionsOf(tables.valid)) {
    await init(workspace(t, {}), options);
  }
  for (const options of optionsOf(tables.invalid)) {
    await rejection(t, options);
  }
});

test('all invalid values are reported together', async (t) => {
  await assert.rejects(
    init(workspace(t, {}), { container: 'A', prefix: '/' }),
    /^Error: --container is "A"; .*\n--prefix is "\/"; .*$/,
  );
});

test('neither writes nor prints a secret in any option', async (t) => {
  const secrets = [
    CONNECTION,
    'https://acc.blob.core.windows.net/?sv=2024-11-04&sp=rw&sig=aHVzaC1odXNo%3D',
    'https://user:aHVzaC1odXNo@acc.blob.core.windows.net',
    '?sig=aHVzaC1odXNo',
    'x8Q~aHVzaC1odXNo.client-secret',
    'AccountKey=aHVz',
    'aHVzaC1odXNo'.repeat(7) + '==',
    'aHVzaC1odXNo'.repeat(7),
  ];
  const keys = Object.keys(schema.properties);
  // The endpoint hides the account's name, and --ci hides all others.
  const alone = ['accountName', 'ci'];
  for (const secret of secrets) {
    const options = keys.filter((key) => {
      if (key === 'az') return false; // true or false
      if (alone.includes(key)) return false;
      // Any name is a valid prefix, and tasks have names of all kinds.
      if (key === 'prefix') return !/^\w+$/.test(secret);
      const isList = key === 'include' || key === 'exclude';
      return !isList || /[=?&;]/.test(secret);
    });
    for (const keys of [options, ...alone.map((key) => [key])]) {
      const { stack } = await rejection(
        t,
        Object.fromEntries(keys.map((key) => [key, secret])),
      );
      assert.doesNotMatch(stack ?? '', /aHVz/);
    }
  }
});

test('schema.json and schema.d.ts name the same options', () => {
  const types = fs.readFileSync(path.join(folder, 'schema.d.ts'), 'utf8');
  const body = types.slice(types.indexOf('interface'));
  const keys = Array.from(body.matchAll(/^ {2}(\w+)\?: /gm), ([, key]) => key);
  assert.deepEqual(keys, Object.keys(schema.properties));

  const modes = Array.from(
    types.split(';')[0].matchAll(/'([a-z-]+)'/g),
    ([, mode]) => mode,
  );
  // The block's schema also allows unset values.
  const { properties: keys_, definitions } = require('../schema.json');
  for (const key of /** @type {const} */ (['credential', 'cloud'])) {
    const names = keys_[key].enum.filter((name) => name !== '');
    assert.deepEqual(names, schema.properties[key].enum);
  }
  assert.deepEqual(
    modes,
    definitions.mode.enum.filter((name) => name !== ''),
  );
  assert.deepEqual(modes, schema.properties.localMode.enum);
  assert.deepEqual(modes, schema.properties.ciMode.enum);
});

test('generators.json names existing files', () => {
  const root = path.join(__dirname, '..');
  const { init } = readJson('../generators.json').generators;
  const [file, name] = init.factory.split('#');
  assert.equal(require(path.join(root, file))[name], initGenerator);
  assert.equal(path.join(root, init.schema), path.join(folder, 'schema.json'));
});
