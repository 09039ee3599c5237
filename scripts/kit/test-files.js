'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./root');

/**
 * The test files below a folder. `node --test` gets them one by one, because it treats a
 * folder differently in each version of Node. A folder without tests is an error.
 *
 * @param {string} folder relative to the repository
 * @param {(file: string) => boolean} [filter] of paths relative to the folder
 */
function testFiles(folder, filter = () => true) {
  const files = fs
    .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => !file.split(path.sep).includes('node_modules'))
    .filter(filter)
    .map((file) => path.join(folder, file))
    .sort();
  if (files.length === 0) throw new Error(`there are no tests in ${folder}`);
  return files;
}

exports.testFiles = testFiles;
