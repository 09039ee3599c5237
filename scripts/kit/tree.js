'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

/**
 * The tree below a folder, for comparisons: each entry's type and mode, the content of files
 * and the targets of links.
 *
 * @param {string} folder
 * @param {{ times?: boolean, without?: string[] }} [options] `times` adds
 *   modification times in nanoseconds; `without` names entries of the folder
 *   to skip
 */
function readTree(folder, { times = false, without = [] } = {}) {
  /** @type {Record<string, string>} */
  const tree = {};
  for (const name of namesBelow(folder).sort()) {
    if (without.includes(name.split(path.sep)[0])) continue;
    const file = path.join(folder, name);
    const stat = fs.lstatSync(file, { bigint: true });
    const facts = [stat.mode.toString(8)];
    if (times) facts.push(`${stat.mtimeNs}`);
    if (stat.isSymbolicLink()) facts.push(`-> ${fs.readlinkSync(file)}`);
    if (stat.isFile()) facts.push(`${stat.size}`, sha256(file));
    tree[name] = facts.join(' ');
  }
  assert.notDeepEqual(tree, {}, `${folder} is empty`);
  return tree;
}

/**
 * The names of all entries below a folder. Not fs.readdirSync with `recursive`: in Node 20 it
 * follows links, even in circles.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function namesBelow(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const { name } = entry;
    if (!entry.isDirectory()) return [name];
    const below = namesBelow(path.join(folder, name));
    return [name, ...below.map((file) => path.join(name, file))];
  });
}

/** @param {string} file */
function sha256(file) {
  const digest = createHash('sha256');
  const buffer = Buffer.alloc(1024 * 1024); // a file may be larger than memory
  const opened = fs.openSync(file, 'r');
  for (let read; (read = fs.readSync(opened, buffer)) > 0;) {
    digest.update(buffer.subarray(0, read));
  }
  fs.closeSync(opened);
  return digest.digest('hex');
}

exports.namesBelow = namesBelow;
exports.readTree = readTree;
