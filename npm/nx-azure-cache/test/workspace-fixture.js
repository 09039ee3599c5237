'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FsTree } = require('nx/src/generators/tree');

/** @typedef {import('node:test').TestContext} TestContext */

/**
 * A workspace on disk with these files, as generators see it.
 *
 * @param {TestContext} t
 * @param {Record<string, string>} files
 */
function workspace(t, files) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'azure-init-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), content);
  }
  return new FsTree(root, false);
}

exports.workspace = workspace;
