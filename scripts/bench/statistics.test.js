'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { median, rotated, summarize } = require('./statistics');

test('the median does not depend on the order', () => {
  assert.equal(median([9, 1, 100]), 9);
  assert.equal(median([4, 1, 100, 2]), 3);
  assert.throws(() => median([]), /median of nothing/);
});

test('in as many rounds as contenders, each contender is first once', () => {
  const rounds = [0, 1, 2].map((round) => rotated(['a', 'b', 'c'], round));
  assert.deepEqual(rounds, [
    ['a', 'b', 'c'],
    ['b', 'c', 'a'],
    ['c', 'a', 'b'],
  ]);
  assert.deepEqual(rotated(['a', 'b', 'c'], 4), ['b', 'c', 'a']);
});

test('the median counts for time and bytes, the worst round for memory', () => {
  const samples = [
    { ms: 3, stored: 10, rssChild: 5 },
    { ms: 1, stored: 10, rssChild: 50 },
    { ms: 2.00049, stored: 12, rssChild: 7 },
  ];
  assert.deepEqual(summarize(samples), {
    ms: 2,
    stored: 10,
    rssChild: 50,
    rounds: [3, 1, 2],
  });
});
