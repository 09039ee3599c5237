'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { mayBeSecret } = require('../lib/secrets');
const { root } = require('./fixture');

test('hides the strings that the binary hides', () => {
  const file = path.join(root, 'testdata', 'config', 'secrets.json');
  const cases = JSON.parse(fs.readFileSync(file, 'utf8'));
  assert.ok(cases.length > 0);
  for (const { value, ...want } of cases) {
    assert.equal(mayBeSecret(value), want.mayBeSecret, value);
  }
});
