'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { diagnostics, urlOf, withCode } = require('../lib/diagnostics');

const url =
  'https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/troubleshooting.md#nxac005';

test('a line ends with its code and the address of its section', () => {
  assert.equal(
    withCode('lost', diagnostics.processLost),
    `lost (NXAC005: ${url})`,
  );
});

test('what a server sent instead of a code is not shown', () => {
  for (const code of [
    undefined,
    null,
    '',
    5,
    'NXAC5',
    'NXAC005)\nx',
    ['NXAC005'],
  ]) {
    assert.equal(urlOf(code), '');
    assert.equal(withCode('lost', code), 'lost');
  }
});
