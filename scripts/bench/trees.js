'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { readTree } = require('../kit/tree');

/** @typedef {{ files: number, bytes: number }} Size */

/**
 * The number of files below a folder, and of their bytes.
 *
 * @param {string} folder
 * @returns {Size}
 */
function sizeOf(folder) {
  const size = { files: 0, bytes: 0 };
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    const below = entry.isDirectory()
      ? sizeOf(file)
      : { files: 1, bytes: fs.lstatSync(file).size };
    size.files += below.files;
    size.bytes += below.bytes;
  }
  return size;
}

/**
 * A digest of everything below a folder: names, modes, contents.
 *
 * @param {string} folder
 */
function digestOf(folder) {
  const tree = JSON.stringify(readTree(folder));
  return createHash('sha256').update(tree).digest('hex');
}

exports.digestOf = digestOf;
exports.sizeOf = sizeOf;
