'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const {
  asMarkdown,
  asText,
  costTable,
  digits,
  time,
  timeTable,
} = require('./tables');

/** @param {number} ms */
const figures = (ms) => ({ ms, rounds: [ms] });

const row = {
  title: 'retrieve `x`',
  results: {
    ours: {
      ...figures(200),
      requests: 3,
      received: 2e6,
      cpu: 1,
      rssChild: 2 ** 21,
    },
    nx: figures(100),
    'cp -r': figures(50),
  },
};

test('numbers keep only the digits that mean something', () => {
  const numbers = [0.123, 1.234, 12.34, 123.4, 12345];
  assert.deepEqual(numbers.map(digits), [
    '0.12',
    '1.23',
    '12.3',
    '123',
    '12,345',
  ]);
  assert.equal(time(undefined), '–');
  assert.equal(time(9999), '9,999 ms');
  assert.equal(time(12_345), '12.3 s');
});

test('a row in which ours is slower says so', () => {
  const [, cells] = timeTable([row]);
  assert.deepEqual(cells, [
    'retrieve `x`',
    '200 ms',
    '100 ms',
    '–',
    '`cp -r` 50.0 ms',
    '0.50× (slower)',
  ]);
});

test('the table of costs shows only clients that have some', () => {
  const [, ...rows] = costTable([row]);
  assert.deepEqual(rows, [
    [
      ...['retrieve `x`', 'nx-azure-cache', '3'],
      ...['–', '2.00 MB', '–', '–', '2 MiB', '1.00 s'],
    ],
  ]);
});

test('a table as text and as Markdown', () => {
  const table = [
    ['a', 'bb'],
    ['ccc', '1|2'],
  ];
  assert.equal(asText(table), 'a    bb\n───  ───\nccc  1|2');
  assert.equal(asMarkdown(table), '| a | bb |\n| --- | --- |\n| ccc | 1\\|2 |');
});
