'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { binary, workspace } = require('./init-fixture');
const { activateGenerator } = require('../generators/activate/generator');

const root = path.join(__dirname, '..', '..', '..');
const file = '.nx/powerpack/license.ini';

/** @param {string} name */
const license = (name) =>
  fs
    .readFileSync(path.join(root, 'testdata', 'license', `${name}.jwt`), 'utf8')
    .trim();

const env = { ...process.env, NX_AZURE_CACHE_BINARY: binary };

/**
 * @param {ReturnType<typeof workspace>} tree
 * @param {string} [key]
 */
function activate(tree, key) {
  /** @type {string[]} */
  const lines = [];
  activateGenerator(tree, { key }, { log: (line) => lines.push(line), env });
  return lines;
}

test('writes a license to the tree and prints the next steps', (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const lines = activate(tree, `${license('valid')}\n`);
  assert.equal(tree.read(file, 'utf8'), `license = ${license('valid')}\n`);
  assert.match(lines[0], /^activated: the license for Example GmbH, .*2126/);
  assert.match(lines.join('\n'), /Commit .*\n.*NX_POWERPACK_LICENSE/);
  assert.ok(!lines.join('\n').includes(license('valid')));
  assert.ok(!fs.existsSync(path.join(tree.root, file)), 'a dry run writes it');
});

test('a renewal replaces the expired license', (t) => {
  const tree = workspace(t, {
    'nx.json': '{}',
    [file]: `# ours\nlicense = ${license('expired')}\n`,
  });
  const [removed] = activate(tree, license('valid'));
  assert.equal(
    tree.read(file, 'utf8'),
    `# ours\nlicense = ${license('valid')}\n`,
  );
  assert.match(removed, /^removed: the license in .* expired on 2025-01-01/);
});

test('an invalid license changes nothing and is not printed', (t) => {
  const tree = workspace(t, {
    'nx.json': '{}',
    [file]: `license = ${license('valid')}\n`,
  });
  for (const [key, why] of /** @type {const} */ ([
    [license('expired'), /^this license expired on 2025-01-01/],
    [license('other-issuer'), /unknown key/],
    ['s3cret', /malformed.*; nothing was changed$/],
    [' ', /^No license key given: run nx g /],
    [undefined, /^No license key given: run nx g /],
  ])) {
    assert.throws(
      () => activate(tree, key),
      (/** @type {Error} */ { message }) => {
        assert.match(message, why);
        assert.ok(!key?.trim() || !message.includes(key));
        return true;
      },
    );
  }
  assert.deepEqual(tree.listChanges(), []);
});
