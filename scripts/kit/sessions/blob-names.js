'use strict';

// Compares the names of blobs and requests that a session expects.

const { isDeepStrictEqual } = require('node:util');
const { show } = require('./values');

/**
 * @param {string} what
 * @param {string[]} want `none` for none
 * @param {string[]} got
 */
function same(what, want, got) {
  const [a, b] = [
    [...want].sort(),
    got.length > 0 ? [...got].sort() : ['none'],
  ];
  if (!isDeepStrictEqual(a, b)) {
    throw new Error(`want the ${what} ${show(a)}, got ${show(b)}`);
  }
}

module.exports = { same };
