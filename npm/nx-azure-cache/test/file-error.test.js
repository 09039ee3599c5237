'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { fileError } = require('../lib/file-error');
const { reasonOf } = require('../lib/reason');
const { root } = require('./fixture');

describe('an error of the file system', () => {
  const table = path.join(root, 'testdata', 'file-errors.json');
  /** @type {{ errnos: string[], fix: string, diagnostic: string }[]} */
  const rows = JSON.parse(fs.readFileSync(table, 'utf8'));
  test('has the same fix as in the server', () => {
    assert.ok(rows.length > 7);
    for (const { errnos, fix, diagnostic } of rows) {
      for (const code of errnos) {
        const err = Object.assign(new Error(`${code}: x`), { code });
        const converted = /** @type {any} */ (fileError('DIR', err));
        const { message, code: kind, diagnostic: own } = converted;
        assert.equal(message, `${code}: x; ${fix}`);
        assert.equal(kind, 5);
        assert.equal(own, diagnostic);
      }
    }
  });

  test('is not converted twice', () => {
    const err = fileError('DIR', new Error('x'));
    assert.equal(fileError('OTHER', err), err);
  });
});

test('a reason is never empty', () => {
  const none = 'no reason given';
  const circular = /** @type {any} */ ({});
  circular.message = circular;
  /** @type {[unknown, string][]} */
  const rows = [
    ['text', 'text'],
    [new Error('text'), 'text'],
    [{ message: 'text' }, 'text'],
    [{ message: '', code: 'ECONNREFUSED' }, 'ECONNREFUSED'],
    [new RangeError(''), 'RangeError'],
    [new AggregateError([]), 'AggregateError'],
    [undefined, none],
    [null, none],
    ['', none],
    [' \n', none],
    [0, none],
    [{}, none],
    [[], none],
    [circular, none],
    [{ message: null }, none],
    [Symbol('x'), none],
    ['x'.repeat(1e6), `${'x'.repeat(1999)}…`],
  ];
  for (const [value, want] of rows) assert.equal(reasonOf(value), want);
});
