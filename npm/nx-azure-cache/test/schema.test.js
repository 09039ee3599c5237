'use strict';

// schema.json is what editors know of the block "azure", and what init goes by.
// cmd/nx-azure-cache/internal/config/schema_test.go compares it with the reader of the binary.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { default: Ajv } = require('ajv');
const { allowed, isValid } = require('../generators/init/check');
const schema = require('../schema.json');

/** @type {{ key: string, value: unknown, valid: boolean }[]} */
const values = JSON.parse(
  fs.readFileSync(
    path.join(__dirname, '..', '..', '..', 'testdata', 'config', 'values.json'),
    'utf8',
  ),
);

const ajv = new Ajv({ strict: true, allowUnionTypes: true });
ajv.addKeyword('patternErrorMessage'); // of VS Code
const validate = ajv.compile(schema);

/** @param {string} key */
const isInObject = (key) => key.includes('.');

test('the schema accepts the values that the binary accepts', () => {
  assert.ok(values.length > 100);
  for (const { key, value, valid } of values) {
    const [object, inner] = key.split('.');
    const block = { [object]: inner ? { [inner]: value } : value };
    assert.equal(validate(block), valid, JSON.stringify(block));
  }
});

test('init accepts the values that the binary accepts', () => {
  for (const { key, value, valid } of values) {
    if (isInObject(key) || ['timeouts', 'trust'].includes(key)) continue;
    const name = /** @type {Parameters<typeof isValid>[0]} */ (key);
    assert.equal(isValid(name, value), valid, JSON.stringify({ key, value }));
  }
});

test('unknown keys are rejected at every level', () => {
  for (const block of [
    { contaner: 'nxcache' },
    { timeouts: { conect: '1s' } },
    { trust: { branch: ['main'] } },
  ]) {
    assert.equal(validate(block), false, JSON.stringify(block));
    assert.equal(validate.errors?.[0].keyword, 'additionalProperties');
  }
});

test('values.json has values for every key', () => {
  const judged = new Set(values.map(({ key }) => key));
  for (const key of Object.keys(schema.properties)) {
    assert.ok(judged.has(key), key);
  }
});

test('every key has a description and says which values it allows', () => {
  for (const [key, { description }] of Object.entries(schema.properties)) {
    assert.match(description, /^[A-Z].*\.$/, key);
    if (key === 'timeouts' || key === 'trust') continue;
    const name = /** @type {Parameters<typeof allowed>[0]} */ (key);
    assert.match(allowed(name), /^(?!undefined)(?!.*undefined)\S.{10}/, key);
  }
});

test('nx.schema.json is the schema of nx.json with the block', () => {
  const whole = JSON.parse(
    fs.readFileSync(path.join(__dirname, '..', 'nx.schema.json'), 'utf8'),
  );
  // Where it is installed.
  const here = 'file:///node_modules/@nx/powerpack-azure-cache/';
  const of = (/** @type {string} */ ref) => new URL(ref, here).href;
  const nx = of(whole.allOf[0].$ref).replace('file:///node_modules/', '');
  const all = new Ajv({ strict: false });
  all.addSchema(schema, of(whole.properties.azure.$ref));
  all.addSchema(require(nx), of(whole.allOf[0].$ref));
  const validateAll = all.compile({ ...whole, $id: of('nx.schema.json') });
  const nxJson = { parallel: 3, azure: { container: 'nxcache' } };
  assert.equal(validateAll(nxJson), true, JSON.stringify(validateAll.errors));
  assert.equal(validateAll({ ...nxJson, parallel: 'x' }), false);
  assert.equal(validateAll({ azure: { container: 'X' } }), false);
});
