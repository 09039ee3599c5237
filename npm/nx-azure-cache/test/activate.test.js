'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { spawnSync } = require('node:child_process');
const { binary } = require('./init-fixture');
const { workspace } = require('./workspace-fixture');
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
 * @param {boolean} [commit]
 */
function activate(tree, key, commit) {
  /** @type {string[]} */
  const lines = [];
  const log = (/** @type {string} */ line) => void lines.push(line);
  activateGenerator(tree, { key, commit }, { log, env });
  return lines;
}

/**
 * Runs git in a workspace.
 *
 * @param {ReturnType<typeof workspace>} tree
 * @param {...string} args
 */
function git(tree, ...args) {
  const { status, stderr } = spawnSync('git', args, {
    cwd: tree.root,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
}

/**
 * A git repository with this .gitignore.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} [gitignore]
 */
function repository(t, gitignore) {
  const tree = workspace(t, {
    'nx.json': '{}',
    ...(gitignore !== undefined && { '.gitignore': gitignore }),
  });
  git(tree, 'init', '--quiet');
  return tree;
}

const ignored = (/** @type {ReturnType<typeof workspace>} */ tree) =>
  tree.read('.gitignore', 'utf8');

test('writes a license to the tree and prints the next steps', (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const lines = activate(tree, `${license('valid')}\n`);
  assert.equal(tree.read(file, 'utf8'), `license = ${license('valid')}\n`);
  assert.match(lines[0], /^activated: the license for Example GmbH, .*2126/);
  assert.match(lines[1], /^\.gitignore: added \.nx\/powerpack, .*--commit\.$/);
  assert.match(lines[2], /NX_POWERPACK_LICENSE/);
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
    [' ', /^No license key given: run npx nx g /],
    [undefined, /^No license key given: run npx nx g /],
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

for (const [before, after] of [
  [undefined, '.nx/powerpack\n'],
  ['', '.nx/powerpack\n'],
  ['dist', 'dist\n.nx/powerpack\n'],
  ['dist\r\n', 'dist\r\n.nx/powerpack\r\n'],
  [
    '.nx/cache\n.nx/workspace-data\n',
    '.nx/cache\n.nx/workspace-data\n.nx/powerpack\n',
  ],
  // Ignored already.
  ['.nx\n', '.nx\n'],
  ['*.ini\n', '*.ini\n'],
  ['.nx/powerpack\n', '.nx/powerpack\n'],
  // Not ignored: git takes the last pattern.
  ['*.ini\n!license.ini\n', '*.ini\n!license.ini\n.nx/powerpack\n'],
]) {
  test(`git ignores the license: ${JSON.stringify(before)}`, (t) => {
    const tree = repository(t, before);
    activate(tree, license('valid'));
    assert.equal(ignored(tree), after);
  });
}

test('a license that is in the repository stays there', (t) => {
  const tree = repository(t);
  fs.mkdirSync(path.join(tree.root, '.nx', 'powerpack'), { recursive: true });
  fs.writeFileSync(path.join(tree.root, file), '');
  git(tree, 'add', file);
  const lines = activate(tree, license('valid'));
  assert.equal(tree.exists('.gitignore'), false);
  assert.match(
    lines.join('\n'),
    /is in the repository already: .*git rm --cached/,
  );
});

test('--commit takes back the line, and names another pattern', (t) => {
  const ours = repository(t, 'dist\n.nx/powerpack\n');
  assert.match(
    activate(ours, license('valid'), true).join('\n'),
    /\.gitignore: removed \.nx\/powerpack\.\nCommit .*license\.ini\. Everyone/,
  );
  assert.equal(ignored(ours), 'dist\n');

  const theirs = repository(t, 'dist\n.nx\n');
  assert.match(
    activate(theirs, license('valid'), true).join('\n'),
    /git ignores .*license\.ini because of \.gitignore:2 \(\.nx\): replace that pattern/,
  );
  assert.equal(ignored(theirs), 'dist\n.nx\n');

  const free = repository(t);
  activate(free, license('valid'), true);
  assert.equal(free.exists('.gitignore'), false);
});
