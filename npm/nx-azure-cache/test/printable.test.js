'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const {
  command,
  printable,
  printableJson,
  printableLine,
  printableLines,
  duration,
  size,
} = require('../lib/printable');

const table = path.join(__dirname, '../../../testdata/printable/cases.json');
const { strings, commands } = JSON.parse(fs.readFileSync(table, 'utf8'));

test('the table shared with Go is not empty', () => {
  assert.ok(strings.length > 20);
  assert.ok(commands.length > 20);
});

for (const { text, string, line = string } of strings) {
  test(`${JSON.stringify(text)} becomes ${string}`, () => {
    assert.equal(printable(text), string);
    assert.equal(printableLine(text), line);
    assert.equal(printable(string), string);
  });
}

for (const { template, values, command: want } of commands) {
  test(`${template} of ${JSON.stringify(values)} is ${want}`, () => {
    assert.equal(command(template, ...values), want ?? undefined);
  });
}

test('durations have one or two units', () => {
  for (const [milliseconds, want] of /** @type {const} */ ([
    ...[
      [0, '0.0 s'],
      [400, '0.4 s'],
      [9_949, '9.9 s'],
      [9_950, '10 s'],
    ],
    ...[
      [12_000, '12 s'],
      [59_499, '59 s'],
      [59_500, '1 min'],
    ],
    ...[
      [750_000, '12 min 30 s'],
      [3_599_499, '59 min 59 s'],
    ],
    ...[
      [3_599_500, '1 h'],
      [11_100_000, '3 h 5 min'],
      [172_800_000, '48 h'],
    ],
  ])) {
    assert.equal(duration(Number(milliseconds)), want);
  }
});

test('sizes are those of Go', () => {
  const sizes = path.join(table, '..', 'sizes.json');
  const rows = JSON.parse(fs.readFileSync(sizes, 'utf8'));
  assert.ok(rows.length > 10);
  for (const [bytes, want] of rows) assert.equal(size(bytes), want);
});

test('a log keeps its lines', () => {
  assert.equal(
    printableLines('one\n\ttwo\x1b[2J\n\u202ethree\n'),
    'one\n\ttwo\\x1b[2J\n\\u202ethree\n',
  );
});

test('JSON keeps its meaning', () => {
  const value = { a: 'one\n\x1b\u009b\u202e\u{e0001}\ud800ü', 'b\u200b': [1] };
  for (const indent of [undefined, 2]) {
    const text = printableJson(value, indent);
    assert.deepEqual(JSON.parse(text), value);
    assert.equal(printableLines(text), text);
  }
});
