'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { parseObject, remove } = require('../generators/init/nx-json');

test('removes a property and keeps the rest unchanged', () => {
  for (const [
    before,
    path,
    after,
  ] of /** @type {[string, string, string][]} */ ([
    ['{ "a": 1, "b": 2, "c": 3 }', 'a', '{ "b": 2, "c": 3 }'],
    ['{ "a": 1, "b": 2, "c": 3 }', 'b', '{ "a": 1, "c": 3 }'],
    ['{ "a": 1, "b": 2, "c": 3 }', 'c', '{ "a": 1, "b": 2 }'],
    ['{ "a": 1 }', 'a', '{  }'],
    ['{ "a": 1, }', 'a', '{ }'],
    ['{ "a": { "b": { "c": 1 } }, "d": 2 }', 'a.b.c', '{ "d": 2 }'],
    ['{ "a": { "b": { "c": 1 }, "e": 3 } }', 'a.b.c', '{ "a": { "e": 3 } }'],
    ['{ "a": { "b": 1 } }', 'a.c', '{ "a": { "b": 1 } }'],
    ['{ "a": { "b": 1 } }', 'c.d', '{ "a": { "b": 1 } }'],
    ['{\n  "a": 1,\n  "b": 2\n}\n', 'a', '{\n  "b": 2\n}\n'],
    ['{\r\n\t"a": 1,\r\n\t"b": 2\r\n}', 'b', '{\r\n\t"a": 1\r\n}'],
    [
      '{ // of a\n "a": 1, // one\n "b": 2 // two\n}',
      'a',
      '{ // of a\n // one\n "b": 2 // two\n}',
    ],
    [
      '{ "a": 1, // one\n // of b\n "b": 2, // two\n "c": 3 }',
      'b',
      '{ "a": 1, // two\n "c": 3 }',
    ],
    ['{ "a": "x, y" /* , */ , "b": 2 }', 'a', '{ "b": 2 }'],
  ])) {
    const got = remove(before, path.split('.'));
    assert.equal(got, after, before);
    parseObject(got, 'it');
  }
});
