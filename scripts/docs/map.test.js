'use strict';

// The map of CONTRIBUTING.md: its paths exist, and it has every Go package.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { root } = require('../kit/root');
const { read } = require('./pages');

/**
 * The paths in the map. A line is below the last line with less indentation.
 *
 * @param {string} text of the map
 */
function pathsOf(text) {
  /** @type {{ depth: number, name: string }[]} */
  const parents = [];
  return text.split('\n').flatMap((line) => {
    const [, indent, names] =
      /^( {0,8})([^\s,]+(?:, [^\s,]+\/)*)/.exec(line) ?? [];
    if (!names || /^ {9}/.test(line)) return [];
    const depth = indent.length;
    while (parents.length > 0 && parents[parents.length - 1].depth >= depth) {
      parents.pop();
    }
    const parent = parents.at(-1)?.name ?? '';
    const found = names
      .split(', ')
      .map((name) => path.posix.join(parent, name));
    if (found.length === 1) parents.push({ depth, name: found[0] });
    return found.map((name) => name.replace(/\/$/, ''));
  });
}

const [, map] =
  /## The map\n\n```\n(.*?)```/s.exec(read('CONTRIBUTING.md')) ?? [];
const paths = pathsOf(map);

test('every path in the map exists', () => {
  assert.ok(paths.length > 40, `${paths}`);
  for (const name of paths) {
    assert.ok(fs.existsSync(path.join(root, name)), name);
  }
});

test('every Go package is in the map', () => {
  const packages = ['cmd', 'rpc', 'cache', 'license'].flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), {
        recursive: true,
        encoding: 'utf8',
      })
      .filter((file) => file.endsWith('.go') && !file.includes('testdata'))
      .map((file) => path.posix.dirname(path.posix.join(folder, file))),
  );
  assert.deepEqual(
    [...new Set(packages)].filter((name) => !paths.includes(name)),
    [],
  );
});
