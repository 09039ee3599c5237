'use strict';

// Makes and checks the trees of the sessions of testdata/rpc: files, links and folders.

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const { show } = require('./values');

/** @import { Entry } from './parse' */
/** @import { Values } from './values' */

/**
 * Makes the files of a session.
 *
 * @param {string} folder
 * @param {Entry[]} entries
 * @param {Values} values
 */
function makeTree(folder, entries, values) {
  fs.mkdirSync(folder, { recursive: true });
  /** @type {[string, number][]} */
  const modes = [];
  for (const { path: name, mode, content, target } of entries) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (target !== undefined) fs.symlinkSync(values.substitute(target), file);
    else if (content === undefined) fs.mkdirSync(file, { recursive: true });
    else fs.writeFileSync(file, values.substitute(content));
    if (mode !== undefined) modes.push([file, mode]);
  }
  // Last, and from the inside, because nothing can be made in a read-only folder.
  for (const [file, mode] of modes.reverse()) fs.chmodSync(file, mode);
}

/**
 * Compares a folder with the wanted tree, and throws if they differ.
 *
 * @param {string} folder
 * @param {Entry[]} entries
 * @param {Values} values
 */
function checkTree(folder, entries, values) {
  const want = wantedTree(entries, values);
  const got = readTree(folder);
  if (isDeepStrictEqual(want, got)) return;
  const lines = [`${folder} is different:`];
  for (const [name, facts] of want) {
    if (got.get(name) !== facts) lines.push(`  want ${name}${facts}`);
  }
  for (const [name, facts] of got) {
    if (want.get(name) !== facts) lines.push(`  got  ${name}${facts}`);
  }
  throw new Error(lines.join('\n'));
}

/**
 * @param {Entry[]} entries
 * @param {Values} values
 */
function wantedTree(entries, values) {
  /** @type {Map<string, string>} */
  const tree = new Map();
  const filled = (/** @type {string | undefined} */ text) =>
    text === undefined ? undefined : values.substitute(text);
  for (const { path: name, mode, content, target } of entries) {
    for (let up = path.posix.dirname(name); up !== '.';) {
      if (!tree.has(up)) tree.set(up, facts({ mode: 0o755 }));
      up = path.posix.dirname(up);
    }
    const entry = { mode, target: filled(target), content: filled(content) };
    tree.set(name, facts(entry));
  }
  return new Map([...tree].sort());
}

/** @param {Omit<Entry, 'path'>} entry */
function facts({ mode = 0, content, target }) {
  if (target !== undefined) return ` -> ${target}`;
  const digits = process.platform === 'win32' ? '' : ` ${mode.toString(8)}`;
  return content === undefined
    ? `/${digits}`
    : `${digits} ${show(content, Infinity)}`;
}

/**
 * @param {string} folder
 * @returns {Map<string, string>} facts by path, sorted
 */
function readTree(folder) {
  /** @type {Map<string, string>} */
  const tree = new Map();
  // Not readdir's `recursive`: it follows links.
  const read = (/** @type {string} */ below) => {
    for (const name of fs.readdirSync(path.join(folder, below))) {
      // The folder of a running server; the end of the session checks it.
      if (below === '' && name === '.nx-azure-cache') continue;
      const entry = readEntry(path.join(folder, below, name));
      tree.set(below + name, facts(entry));
      const isFolder = entry.content === undefined && !entry.target;
      if (isFolder) read(`${below}${name}/`);
    }
  };
  read('');
  return new Map([...tree].sort());
}

/**
 * @param {string} file
 * @returns {Omit<Entry, 'path'>}
 */
function readEntry(file) {
  const stat = fs.lstatSync(file);
  if (stat.isSymbolicLink()) return { target: fs.readlinkSync(file) };
  const mode = stat.mode & 0o777;
  if (stat.isDirectory()) return { mode };
  return { mode, content: fs.readFileSync(file, 'utf8') };
}

exports.checkTree = checkTree;
exports.makeTree = makeTree;
exports.readEntry = readEntry;
