'use strict';

// The pictures are well-formed, and README shows them. scripts/demo.test.js checks that
// they show what the demo prints.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { root } = require('../kit/root');
const { linesOf, normalised, svg } = require('../pictures');
const { read } = require('./pages');

/**
 * The elements of an XML text that are open at its end.
 *
 * @param {string} text
 */
function openElements(text) {
  /** @type {string[]} */
  const open = [];
  for (const [, end, name, empty] of text.matchAll(
    /<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/g,
  )) {
    if (end) assert.equal(open.pop(), name);
    else if (!empty) open.push(name);
  }
  return open;
}

describe('pictures', () => {
  for (const name of fs.readdirSync(path.join(root, 'docs/pictures'))) {
    test(`${name} is well-formed and shown in README.md`, () => {
      const text = read(`docs/pictures/${name}`);
      assert.deepEqual(openElements(text), []);
      assert.doesNotMatch(text, /&(?!amp;|lt;|gt;)/);
      assert.doesNotMatch(text, /<(script|image|foreignObject)/);
      assert.ok(read('README.md').includes(`](docs/pictures/${name})`));
    });
  }

  test('hold any line, and compare without times', () => {
    const lines = ['✔ a < b && c > d', '  ok   12 ms, 3.4 MB'];
    const picture = svg('<title>', lines);
    assert.deepEqual(openElements(picture), []);
    assert.deepEqual(linesOf(picture), lines);
    assert.deepEqual(
      normalised(linesOf(picture)),
      normalised(['✔ a < b && c > d', '  ok  7 ms, 0.1 MB']),
    );
    assert.notDeepEqual(normalised(lines), normalised(['✔', lines[1]]));
  });
});
