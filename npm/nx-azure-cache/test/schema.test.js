'use strict';

// Editors read schema.json to check the block "azure". A Go test compares it with the
// binary's own rules; init-values.test.js compares `init` with the same values.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { default: Ajv } = require('ajv');
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

test('the schema accepts the values that the binary accepts', () => {
  assert.ok(values.length > 100);
  for (const { key, value, valid } of values) {
    const [object, inner] = key.split('.');
    const block = { [object]: inner ? { [inner]: value } : value };
    assert.equal(validate(block), valid, JSON.stringify(block));
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
  for (const key of /** @type {(keyof typeof schema.properties)[]} */ (
    Object.keys(schema.properties)
  )) {
    const { description } = schema.properties[key];
    assert.match(description, /^[A-Z].*\.$/, key);
    if (key === 'timeouts' || key === 'trust') continue;
    assert.ok(saysWhatIsAllowed(schema.properties[key]), key);
  }
});

/**
 * Whether a rule, or one inside it, lists its values or has a message for wrong ones.
 *
 * @param {any} rule
 * @returns {boolean}
 */
function saysWhatIsAllowed(rule) {
  const { $ref, items, anyOf = [], allOf = [] } = rule;
  const inner = [...anyOf, ...allOf, ...(items ? [items] : [])];
  if ($ref) {
    /** @type {Record<string, any>} */
    const { definitions } = schema;
    inner.push(definitions[$ref.replace('#/definitions/', '')]);
  }
  return Boolean(
    rule.enum || rule.patternErrorMessage || inner.some(saysWhatIsAllowed),
  );
}

test('nx.schema.json is the schema of nx.json with the block', () => {
  const whole = JSON.parse(
    fs.readFileSync(path.join(__dirname, '..', 'nx.schema.json'), 'utf8'),
  );
  // As installed.
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
