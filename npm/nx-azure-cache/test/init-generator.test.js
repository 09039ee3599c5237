'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const {
  COMPLETE,
  CONNECTION,
  MODES,
  NO_CONNECTION,
  azure,
  binary,
  file,
  init,
  workspace,
} = require('./init-fixture');
const { patience } = require('../../../scripts/kit/patience');

test('adds the block to an existing nx.json', async (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const { text, output } = await init(tree, COMPLETE);
  assert.equal(
    text,
    file(
      '{',
      '  "azure": {',
      '    "container": "nxcache",',
      '    "accountName": "acc",',
      '    "localMode": "read-write",',
      '    "ciMode": "read-write"',
      '  }',
      '}',
    ).trimEnd(),
  );
  assert.equal(output, NO_CONNECTION);
});

test('creates nx.json with the block', async (t) => {
  const { text } = await init(workspace(t, {}), COMPLETE);
  assert.deepEqual(JSON.parse(text), { azure: { ...COMPLETE, ...MODES } });
  assert.ok(text.endsWith('\n}\n'));
});

test('writes every option, and read as read-only', async (t) => {
  const { text } = await init(workspace(t, {}), {
    ...COMPLETE,
    endpoint: 'https://acc.blob.core.usgovcloudapi.net',
    prefix: 'team-a/shop',
    localMode: 'read',
    ciMode: 'no-cache',
  });
  assert.deepEqual(azure(text), {
    ...COMPLETE,
    endpoint: 'https://acc.blob.core.usgovcloudapi.net',
    prefix: 'team-a/shop',
    localMode: 'read-only',
    ciMode: 'no-cache',
  });
});

test('keeps existing values and adds defaults', async (t) => {
  const existing = {
    container: 'mine',
    ciMode: 'read',
    trust: { isolation: 'none' },
    unheard: [1],
  };
  const tree = workspace(t, {
    'nx.json': JSON.stringify({ azure: existing }, null, 2),
  });
  const { text } = await init(tree, { accountName: 'acc' });
  assert.deepEqual(azure(text), {
    ...existing,
    accountName: 'acc',
    localMode: 'read-write',
  });
});

test('trusts the base branch of nx.json', async (t) => {
  const block = (/** @type {object} */ trust) => ({
    ...COMPLETE,
    ...MODES,
    ...trust,
  });
  for (const [nxJson, want] of /** @type {const} */ ([
    [{ defaultBase: 'develop' }, ['develop']],
    [{ defaultBase: 'origin/next' }, ['next']],
    [{ affected: { defaultBase: 'trunk' } }, ['trunk']],
    [{ defaultBase: '' }, undefined],
    [{}, undefined],
    [{ defaultBase: 'a', azure: block({ trust: {} }) }, ['a']],
    [{ defaultBase: 'a', azure: block({ trust: { branches: ['b'] } }) }, ['b']],
    [
      { defaultBase: 'a', azure: block({ trust: { isolation: 'none' } }) },
      undefined,
    ],
  ])) {
    const tree = workspace(t, { 'nx.json': JSON.stringify(nxJson) });
    const { text, output } = await init(tree, COMPLETE);
    assert.deepEqual(azure(text).trust?.branches, want, text);
    assert.equal(
      output.includes('on the branch'),
      /** @type {any} */ (nxJson).azure?.trust?.branches === undefined &&
        want !== undefined,
    );
    assert.equal(
      (await init(tree, COMPLETE)).text,
      text,
      'a second run changes nothing',
    );
  }
});

test('trusts the default branch of origin otherwise', async (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const git = (/** @type {string[]} */ ...args) =>
    assert.equal(spawnSync('git', args, { cwd: tree.root }).status, 0);
  git('init', '--quiet');
  git('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/stable');
  const { text } = await init(tree, COMPLETE);
  assert.deepEqual(azure(text).trust, { branches: ['stable'] });
});

test('an option replaces an existing value', async (t) => {
  const tree = workspace(t, {
    'nx.json': '{ "azure": { "container": "old", "localMode": "no-cache" } }',
  });
  const { text } = await init(tree, { container: 'new', localMode: 'read' });
  assert.equal(
    text,
    '{ "azure": { "container": "new", "localMode": "read-only", "ciMode": "read-write" } }',
  );
});

test('keeps comments and formatting', async (t) => {
  const tree = workspace(t, {
    'nx.json': file(
      '{',
      '    // caching',
      '    "plugins": ["a", "b"], /* two */',
      '    "azure": {',
      '        "container": "old", // soon: new',
      '        "timeouts": { "connect": "5s" } // short',
      '        // end',
      '    },',
      '}',
    ),
  });
  const { text } = await init(tree, COMPLETE);
  assert.equal(
    text,
    file(
      '{',
      '    // caching',
      '    "plugins": ["a", "b"], /* two */',
      '    "azure": {',
      '        "container": "nxcache", // soon: new',
      '        "timeouts": { "connect": "5s" }, // short',
      '        // end',
      '        "accountName": "acc",',
      '        "localMode": "read-write",',
      '        "ciMode": "read-write"',
      '    },',
      '}',
    ),
  );
});

test('adds the block after the last property and its comment', async (t) => {
  const block = [
    '\t"azure": {',
    '\t\t"container": "nxcache",',
    '\t\t"accountName": "acc",',
    '\t\t"localMode": "read-write",',
    '\t\t"ciMode": "read-write"',
    '\t}',
    '}',
  ];
  /** @type {[string, string][]} */
  const table = [
    [
      '\t"plugins": ["a"] // last, really',
      '\t"plugins": ["a"], // last, really',
    ],
    ['\t"plugins": ["a"], // last', '\t"plugins": ["a"], // last'],
    ['\t"plugins": ["a"]\n\t// end', '\t"plugins": ["a"],\n\t// end'],
  ];
  for (const [before, after] of table) {
    const nxJson = file('{', before, '}');
    for (const eol of ['\n', '\r\n']) {
      const tree = workspace(t, { 'nx.json': nxJson.replaceAll('\n', eol) });
      const { text } = await init(tree, COMPLETE);
      assert.equal(text, file('{', after, ...block).replaceAll('\n', eol));
    }
  }
});

test('keeps a one-line nx.json on one line', async (t) => {
  const tree = workspace(t, { 'nx.json': '{ "plugins": [] }' });
  const { text } = await init(tree, COMPLETE);
  const block = JSON.stringify({ ...COMPLETE, ...MODES });
  assert.equal(text, `{ "plugins": [], "azure": ${block} }`);
});

test('fills an empty block with a comment', async (t) => {
  const tree = workspace(t, {
    'nx.json': file('{', '  "azure": {', '    // later', '  }', '}'),
  });
  const { text } = await init(tree, { container: 'nxcache' });
  assert.equal(
    text,
    file(
      '{',
      '  "azure": {',
      '    // later',
      '    "container": "nxcache",',
      '    "localMode": "read-write",',
      '    "ciMode": "read-write"',
      '  }',
      '}',
    ),
  );
});

test('a second run changes nothing', async (t) => {
  const tree = workspace(t, { 'nx.json': '{ /* c */ "plugins": [] }' });
  const once = await init(tree, COMPLETE);
  t.mock.method(tree, 'write', () => assert.fail('wrote again'));
  assert.equal((await init(tree, COMPLETE)).text, once.text);
  assert.equal((await init(tree)).text, once.text);
});

test('edits only nx.json itself, and keeps inherited values', async (t) => {
  const base = '{ "azure": { "container": "base", "unheard": 1 } }';
  const own = '{ "extends": "./base.json" }';
  const tree = workspace(t, { 'nx.json': own, 'base.json': base });

  const unchanged = await init(tree);
  assert.equal(unchanged.text, own);
  assert.match(unchanged.output, /Fill in "accountName"/);

  const { text } = await init(tree, { accountName: 'acc' });
  assert.deepEqual(JSON.parse(text), {
    extends: './base.json',
    azure: { container: 'base', unheard: 1, accountName: 'acc' },
  });
  assert.deepEqual(
    tree.listChanges().map((change) => change.path),
    ['nx.json'],
  );
});

test('trusts the base branch of an extended file', async (t) => {
  for (const own of [{}, { azure: { ...COMPLETE, ...MODES } }]) {
    const tree = workspace(t, {
      'nx.json': JSON.stringify({ extends: './base.json', ...own }),
      'base.json': '{ "defaultBase": "develop" }',
    });
    const { text } = await init(tree, COMPLETE);
    assert.deepEqual(azure(text).trust, { branches: ['develop'] });
  }
});

test('accepts an extended file without the block', async (t) => {
  const tree = workspace(t, {
    'nx.json': '{ "extends": "nx/presets/npm.json" }',
    'node_modules/nx/presets/npm.json': '{}',
  });
  const { text } = await init(tree, COMPLETE);
  assert.deepEqual(azure(text), { ...COMPLETE, ...MODES });
});

test('asks for missing keys until the input is valid', async (t) => {
  const tree = workspace(t, { 'nx.json': '{ "azure": { "container": "" } }' });
  const { text, asked, output } = await init(
    tree,
    {},
    { answers: ['No_Good', CONNECTION, ' nxcache ', 'acc'] },
  );
  assert.deepEqual(azure(text), { ...COMPLETE, ...MODES });
  assert.equal(asked.length, 4);
  assert.match(
    output,
    /^azure\.container in nx\.json is "No_Good"; .*3 to 63/m,
  );
  assert.doesNotMatch(output, /AccountKey/);
});

test('an empty answer skips the question', async (t) => {
  const { text, output } = await init(
    workspace(t, {}),
    {},
    { answers: ['', ''] },
  );
  assert.deepEqual(azure(text), MODES);
  assert.match(
    output,
    /- Fill in "container" and "accountName" in the "azure"/,
  );
});

test('asks nothing if nothing is missing', async (t) => {
  await init(workspace(t, {}), COMPLETE, { answers: [] });
});

test('asks nothing without a terminal', (t) => {
  const { root } = workspace(t, { 'nx.json': '{}' });
  const script = `
    const { FsTree, flushChanges } = require('nx/src/generators/tree');
    const { initGenerator } = require('../generators/init/generator');
    const tree = new FsTree(process.argv[1], false);
    initGenerator(tree).then((callback) => {
      flushChanges(tree.root, tree.listChanges());
      callback();
    });`;
  const {
    CI: _ci,
    AZURE_STORAGE_CONNECTION_STRING: _connection,
    NX_POWERPACK_LICENSE: _license,
    ...rest
  } = process.env;
  const env = { ...rest, NX_AZURE_CACHE_BINARY: binary };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['-e', script, root],
    { cwd: __dirname, env, encoding: 'utf8', stdio: 'pipe', timeout: patience },
  );
  assert.equal(status, 0, stderr);
  assert.equal(
    stdout,
    file(
      NO_CONNECTION,
      '',
      'Next steps:',
      '- Fill in "container" and "accountName" in the "azure" block of nx.json.',
      '- Activate your license with npx nx g @nx/powerpack-azure-cache:activate KEY, or set NX_POWERPACK_LICENSE: the cache is off without one.',
      '',
      'Then:',
      '- Create the storage if it does not exist: npx nx g @nx/powerpack-azure-cache:init --az prints the commands.',
      '- Sign in: az login',
      '- Check everything: npx nx-azure-cache doctor',
      '- Store results: npx nx run-many --target=build',
      '- Delete the local ones: npx nx reset',
      '- See the first hit: npx nx run-many --target=build',
    ),
  );
  const written = fs.readFileSync(path.join(root, 'nx.json'), 'utf8');
  assert.deepEqual(azure(written), MODES);
});

test('a license file is enough', async (t) => {
  const tree = workspace(t, { '.nx/powerpack/license.ini': 'a license' });
  const { output } = await init(tree, COMPLETE, { env: {} });
  assert.equal(output, NO_CONNECTION);
});

test('does not change a broken nx.json', async (t) => {
  for (const nxJson of [
    '',
    '[]',
    '{ "azure": ',
    '{ "azure": "x" }',
    '{ "azure": null }',
    '{ "azure": [] }',
  ]) {
    const tree = workspace(t, { 'nx.json': nxJson });
    await assert.rejects(init(tree, COMPLETE), /^Error: nx\.json: /, nxJson);
    assert.deepEqual(tree.listChanges(), []);
  }
});
