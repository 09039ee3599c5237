'use strict';

// Makes the selected tests of a suite. The others are not made, so they do not count as
// skipped.

const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

/**
 * Which tests a suite runs.
 *
 * @typedef {object} Selection
 * @property {string[]} patterns beginnings of the names of tests, or of their files; none
 *   selects all
 * @property {'quick' | 'full' | 'nightly'} extent
 */

const variables = {
  /** Holds a Selection as JSON. */
  selection: 'KIT_SELECTION',
  /** Names a file to which the name of each test is added. */
  names: 'KIT_NAMES',
  /** Is set to list the names without running tests. */
  list: 'KIT_LIST',
};

/** @type {Selection} */
const { patterns, extent } = JSON.parse(
  process.env[variables.selection] ?? '{"patterns":[],"extent":"full"}',
);

/** Whether more than the quick tests are made. */
const isFull = extent !== 'quick';

const file = path.basename(process.argv[1] ?? '');

/**
 * @param {boolean} isWanted
 * @returns {typeof test}
 */
function maker(isWanted) {
  const make = (/** @type {string} */ name, /** @type {any[]} */ ...more) => {
    const isSelected =
      patterns.length === 0 ||
      patterns.some((text) => name.startsWith(text) || file.startsWith(text));
    if (!isWanted || !isSelected) return;
    const names = process.env[variables.names];
    if (names) fs.appendFileSync(names, `${name}\n`);
    if (!process.env[variables.list]) test(name, ...more);
  };
  return /** @type {any} */ (make);
}

/** Makes a test that always runs. */
const quickTest = maker(true);

/** Makes a test that `--quick` skips. */
const fullTest = maker(isFull);

/** Makes a test that only `--nightly` runs. */
const nightlyTest = maker(extent === 'nightly');

exports.fullTest = fullTest;
exports.isFull = isFull;
exports.nightlyTest = nightlyTest;
exports.quickTest = quickTest;
exports.variables = variables;
