'use strict';

// Source text of real packages, which the lockfile names.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../kit/root');

/** Source files are neither empty nor bundles. */
const isSourceSize = (/** @type {number} */ size) =>
  size >= 500 && size <= 60_000;

/**
 * The JavaScript files of the packages that the repository installs. The
 * lockfile fixes them, and packages that differ by platform hold none.
 *
 * @returns {{ name: string, content: Buffer }[]}
 */
function sourceFiles() {
  return filesBelow(path.join(root, 'node_modules'))
    .sort()
    .filter((file) => isSourceSize(fs.statSync(file).size))
    .map((file) => ({
      name: path.basename(file),
      content: fs.readFileSync(file),
    }));
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.name.startsWith('.')) return []; // .bin, .cache
    if (entry.isDirectory()) return filesBelow(file);
    return entry.isFile() && entry.name.endsWith('.js') ? [file] : [];
  });
}

/** @type {Buffer | undefined} */
let sources;

/** Consecutive pieces of source text. */
class Slices {
  #at;

  constructor(start = 0) {
    sources ??= Buffer.concat(sourceFiles().map(({ content }) => content));
    this.#at = start;
  }

  /** @param {number} length */
  next(length) {
    const text = /** @type {Buffer} */ (sources);
    if (this.#at + length > text.length) this.#at = 0;
    return text.subarray(this.#at, (this.#at += length));
  }
}

exports.Slices = Slices;
exports.sourceFiles = sourceFiles;
