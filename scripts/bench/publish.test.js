'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { root } = require('../kit/root');
const { withParts } = require('./publish');

const text = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n';

test('a part goes between its markers, and again without a change', () => {
  const want = 'a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n';
  const written = withParts(text, { x: 'new' });
  assert.equal(written, want);
  assert.equal(withParts(written, { x: 'new' }), want);
});

test('a part without markers is an error', () => {
  assert.throws(() => withParts(text, { y: '' }), /no <!-- bench:y -->/);
});

test('the page has markers for each part', () => {
  const page = path.join(root, 'docs', 'performance.md');
  const parts = ['machine', 'times', 'costs', 'sizes', 'budgets'];
  withParts(
    fs.readFileSync(page, 'utf8'),
    Object.fromEntries(parts.map((name) => [name, ''])),
  );
});
