'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { withParts, withTables } = require('./publish');

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

test('each part has markers in one of the pages', () => {
  const names = ['machine', 'times', 'costs', 'sizes', 'budgets'];
  const written = withTables(
    Object.fromEntries(names.map((name) => [name, `the part ${name}`])),
  );
  const all = Object.values(written).join('\n');
  for (const name of names) assert.ok(all.includes(`the part ${name}\n`), name);
  assert.deepEqual(Object.keys(written), [
    'performance.md',
    'performance/details.md',
  ]);
  for (const text of Object.values(written)) assert.match(text, /the part/);
  assert.throws(() => withTables({ other: '' }), /no <!-- bench:other -->/);
});
