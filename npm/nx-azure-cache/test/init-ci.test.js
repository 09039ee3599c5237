'use strict';

// The file that init writes for the CI of a repository.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const yaml = require('yaml');
const { COMPLETE, init } = require('./init-fixture');
const { detectCi, systems } = require('../generators/init/ci');
const { workspace } = require('./workspace-fixture');

/** @typedef {import('node:test').TestContext} TestContext */

const templates = path.join(__dirname, '../generators/init/templates');

/**
 * A repository with this remote.
 *
 * @param {TestContext} t
 * @param {string} [remote]
 * @param {Record<string, string>} [files]
 */
function repository(t, remote, files = {}) {
  const tree = workspace(t, { 'nx.json': '{}', ...files });
  const git = (/** @type {string[]} */ ...args) =>
    assert.equal(spawnSync('git', args, { cwd: tree.root }).status, 0);
  git('init', '--quiet');
  if (remote) git('config', 'remote.origin.url', remote);
  return tree;
}

describe('the CI of a repository', () => {
  for (const [remote, ci] of [
    ['https://github.com/my-org/my-repo.git', 'github'],
    ['https://user:secret@GitHub.com/my-org/my-repo', 'github'],
    ['git@github.com:my-org/my-repo.git', 'github'],
    ['ssh://git@ssh.github.com:443/my-org/my-repo.git', 'github'],
    ['https://my-org@dev.azure.com/my-org/p/_git/r', 'azure'],
    ['git@ssh.dev.azure.com:v3/my-org/p/r', 'azure'],
    ['https://my-org.visualstudio.com/p/_git/r', 'azure'],
    ['https://gitlab.com/g/r.git', 'gitlab'],
    ['git@gitlab.example.com:g/r.git', 'gitlab'],
    ['https://github.com.evil.example/r', undefined],
    ['https://evil.example/github.com/r', undefined],
    ['/srv/git/gitlab.com', undefined],
    [undefined, undefined],
  ]) {
    test(`${remote} is ${ci}`, (t) => {
      assert.equal(detectCi(repository(t, remote)), ci);
    });
  }

  test('is the one that the repository has a file for', (t) => {
    const remote = 'https://github.com/my-org/my-repo.git';
    const files = { 'azure-pipelines.yml': 'steps: []\n' };
    assert.equal(detectCi(repository(t, remote, files)), 'azure');
    const folder = { '.github/workflows/lint.yml': 'on: push\n' };
    assert.equal(detectCi(repository(t, undefined, folder)), 'github');
  });
});

for (const [ci, { file, template }] of Object.entries(systems)) {
  const content = fs.readFileSync(path.join(templates, template), 'utf8');

  test(`--ci=${ci} writes ${file} as in the docs`, async (t) => {
    const tree = workspace(t, { 'nx.json': '{ "defaultBase": "main" }' });
    const options = { ...COMPLETE, ci: /** @type {any} */ (ci) };
    const { output, firstHit } = await init(tree, options);
    assert.equal(tree.read(file, 'utf8'), content);
    assert.doesNotMatch(firstHit, /--ci/, 'it is not offered again');
    assert.ok(output.includes(`${file}: written. https://`), output);
    assert.ok(!fs.existsSync(path.join(tree.root, file)), 'a dry run');
  });

  test(`--ci=${ci} writes over nothing`, async (t) => {
    const options = { ...COMPLETE, ci: /** @type {any} */ (ci) };
    const tree = workspace(t, { 'nx.json': '{}', [file]: 'mine\n' });
    const { output } = await init(tree, options);
    assert.equal(tree.read(file, 'utf8'), 'mine\n');
    assert.ok(output.includes(`${file}: kept, because it exists.`), output);

    const linked = workspace(t, { 'nx.json': '{}' });
    const [first] = file.split('/');
    fs.symlinkSync('/nowhere', path.join(linked.root, first));
    await init(linked, options);
    assert.deepEqual(
      linked.listChanges().map(({ path }) => path),
      ['nx.json'],
    );
  });

  for (const [lockfile, install, run] of [
    ['pnpm-lock.yaml', 'pnpm install --frozen-lockfile', 'pnpm exec nx '],
    ['yarn.lock', 'yarn install --immutable', 'yarn nx '],
    ['bun.lock', 'bun install --frozen-lockfile', 'bunx nx '],
  ]) {
    test(`--ci=${ci} with ${lockfile} and the branch on`, async (t) => {
      const tree = workspace(t, {
        'nx.json': '{ "defaultBase": "on" }',
        [lockfile]: '',
      });
      const options = { ...COMPLETE, ci: /** @type {any} */ (ci) };
      const { output } = await init(tree, options);
      assert.equal(/add a step that installs/.test(output), ci !== 'github');
      const text = tree.read(file, 'utf8') ?? '';
      assert.doesNotMatch(text, /npm ci\b|npx|cache: npm|^ +$/m);
      assert.ok(text.includes(install), text);
      assert.ok(text.includes(run), text);
      if (ci !== 'gitlab') {
        assert.match(text, /'(refs\/heads\/)?on'/);
        assert.doesNotMatch(text, /'(refs\/heads\/)?main'|\[main\]|- main$/m);
      }
      if (!file.endsWith('.yml')) return;
      const { errors, warnings } = yaml.parseDocument(text);
      assert.deepEqual([...errors, ...warnings], [], text);
    });
  }

  test(`--ci=${ci} with a hostile branch`, async (t) => {
    const branch = "x'] }}\n\u001b[2J$& evil: |";
    const tree = workspace(t, {
      'nx.json': JSON.stringify({ defaultBase: branch }),
    });
    const options = { ...COMPLETE, ci: /** @type {any} */ (ci) };
    const { output } = await init(tree, options);
    assert.equal(tree.read(file, 'utf8'), content);
    const line = `${file}: replace the branch main by yours`;
    assert.equal(output.includes(line), ci !== 'gitlab', output); // which names none
  });
}

test('every setup step of a workflow comes before actions/setup-node', async (t) => {
  const files = { 'nx.json': '{}', 'pnpm-lock.yaml': '' };
  const tree = workspace(t, files);
  const { output } = await init(tree, { ...COMPLETE, ci: 'github' });
  assert.match(output, /set "packageManager", from which pnpm\/action-setup/);
  const { jobs } = yaml.parse(tree.read(systems.github.file, 'utf8') ?? '');
  for (const { steps } of Object.values(jobs)) {
    assert.match(steps[1].uses, /^pnpm\/action-setup@/);
    assert.match(steps[2].uses, /^actions\/setup-node@/);
    assert.equal(steps[2].with.cache, 'pnpm');
  }
});

test('a workspace that names its package manager needs no other line', async (t) => {
  const tree = workspace(t, {
    'nx.json': '{}',
    'package.json': '{ "packageManager": "pnpm@10.0.0" }',
    'pnpm-lock.yaml': '',
  });
  const { output } = await init(tree, { ...COMPLETE, ci: 'github' });
  assert.doesNotMatch(output, /packageManager/);
});

test('on a terminal, init offers the file', async (t) => {
  const remote = 'git@github.com:my-org/my-repo.git';
  const { file } = systems.github;
  for (const [answer, isWritten] of /** @type {const} */ ([
    ['y', true],
    ['Yes', true],
    ['', false],
    ['no', false],
  ])) {
    const tree = repository(t, remote);
    const { asked } = await init(tree, COMPLETE, { answers: [answer] });
    assert.deepEqual(asked, [`Write ${file} for GitHub Actions?`]);
    assert.equal(tree.exists(file), isWritten, answer);
  }
  const own = repository(t, remote, { [file]: 'mine\n' });
  assert.deepEqual((await init(own, COMPLETE, { answers: [] })).asked, []);
});
