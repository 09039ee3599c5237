'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { check, tooWide } = require('./check-words');

test('finds planted words, and says what to write instead', () => {
  const found = check('Fine.\nWhat mends it is told to Nobody.\n');
  assert.deepEqual(found, [
    '2: "mends": write fix',
    '2: "Nobody": write anonymous, no one, or the actor',
    '2: "is told": write report, print, or say who reports',
  ]);
});

test('finds a response that is called an answer', () => {
  assert.equal(check('Azure answers 403.').length, 1);
  assert.equal(check('It sends no answer.').length, 1);
});

test('passes plain words, and headings that people search for', () => {
  const clean = [
    'See docs/troubleshooting.md; an amendment: Content-Type: text/plain.',
    'Open a text file. The proxy answers within a second.',
  ];
  assert.deepEqual(check(clean.join('\n')), []);
});

test('finds wide prose, but no tables, code and long links', () => {
  const wide = 'word '.repeat(21).trim();
  assert.deepEqual(tooWide(`Fine.\n${wide}`), [
    '2: wrap this line at column 100',
  ]);
  const link = `[a link](https://example.com/${'x'.repeat(90)})`;
  assert.deepEqual(tooWide(`| ${wide} |\n${link}\n\`\`\`sh\n${wide}`), []);
});
