'use strict';

// Not shipped: the build leaves *.test.js out of the package.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { FsTree } = require('nx/src/generators/tree');
const { initGenerator } = require('./generator');

/** @typedef {import('./schema').InitGeneratorSchema} Options */
/** @typedef {import('node:test').TestContext} TestContext */

const schema = readJson('./schema.json');

/** @param {string} name */
function readJson(name) {
  return JSON.parse(fs.readFileSync(path.join(__dirname, name), 'utf8'));
}

const LICENSED = { NX_POWERPACK_LICENSE: 'a licence' };
const CONNECTION =
  'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=aHVzaC1odXNo==';

/**
 * A workspace on disk with these files.
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

/**
 * Runs the generator, answering its questions, and says what came of it.
 *
 * @param {InstanceType<typeof FsTree>} tree
 * @param {Options} [options]
 * @param {{ env?: NodeJS.ProcessEnv, answers?: string[] }} [world]
 */
async function init(tree, options, { env = LICENSED, answers } = {}) {
  /** @type {string[]} */
  const lines = [];
  /** @type {string[]} */
  const asked = [];
  const log = (/** @type {string} */ line) => void lines.push(line);
  const ask = async (/** @type {string} */ question) => {
    asked.push(question.split(' (')[0]);
    return answers?.shift() ?? assert.fail(`not expected: ${question}`);
  };
  const callback = await initGenerator(tree, options, {
    env,
    log,
    ...(answers && { ask }),
  });
  callback();
  const text = tree.read('nx.json', 'utf8') ?? '';
  return { text, asked, output: lines.join('\n') };
}

/** @param {string} text */
const azure = (text) => JSON.parse(text).azure;

/** @param {...string} lines */
const file = (...lines) => lines.join('\n') + '\n';

const COMPLETE = { container: 'nxcache', accountName: 'acc' };
const MODES = { localMode: 'read-write', ciMode: 'read-write' };

test('a fresh nx.json gets the block', async (t) => {
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
  assert.equal(output, '');
});

test('nx.json is created with just the block', async (t) => {
  const { text } = await init(workspace(t, {}), COMPLETE);
  assert.deepEqual(JSON.parse(text), { azure: { ...COMPLETE, ...MODES } });
  assert.ok(text.endsWith('\n}\n'));
});

test('every option is written, read as read-only', async (t) => {
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

test('what is there stays, defaults fill the rest', async (t) => {
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

test('the branch that is trusted is the one that is found', async (t) => {
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
    assert.equal((await init(tree, COMPLETE)).text, text, 'twice is once');
  }
});

test('or the default branch of origin', async (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const git = (/** @type {string[]} */ ...args) =>
    assert.equal(spawnSync('git', args, { cwd: tree.root }).status, 0);
  git('init', '--quiet');
  git('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/stable');
  const { text } = await init(tree, COMPLETE);
  assert.deepEqual(azure(text).trust, { branches: ['stable'] });
});

test('an option beats what is there', async (t) => {
  const tree = workspace(t, {
    'nx.json': '{ "azure": { "container": "old", "localMode": "no-cache" } }',
  });
  const { text } = await init(tree, { container: 'new', localMode: 'read' });
  assert.equal(
    text,
    '{ "azure": { "container": "new", "localMode": "read-only", "ciMode": "read-write" } }',
  );
});

test('comments and formatting stay', async (t) => {
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

test('the block goes behind the last property and its comment', async (t) => {
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

test('a one-line nx.json stays one', async (t) => {
  const tree = workspace(t, { 'nx.json': '{ "plugins": [] }' });
  const { text } = await init(tree, COMPLETE);
  const block = JSON.stringify({ ...COMPLETE, ...MODES });
  assert.equal(text, `{ "plugins": [], "azure": ${block} }`);
});

test('an empty block with a comment is filled', async (t) => {
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

test('twice is once', async (t) => {
  const tree = workspace(t, { 'nx.json': '{ /* c */ "plugins": [] }' });
  const once = await init(tree, COMPLETE);
  t.mock.method(tree, 'write', () => assert.fail('wrote again'));
  assert.equal((await init(tree, COMPLETE)).text, once.text);
  assert.equal((await init(tree)).text, once.text);
});

test('only the own nx.json is edited, and keeps what it inherits', async (t) => {
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

test('a base may say which branch is trusted', async (t) => {
  for (const own of [{}, { azure: { ...COMPLETE, ...MODES } }]) {
    const tree = workspace(t, {
      'nx.json': JSON.stringify({ extends: './base.json', ...own }),
      'base.json': '{ "defaultBase": "develop" }',
    });
    const { text } = await init(tree, COMPLETE);
    assert.deepEqual(azure(text).trust, { branches: ['develop'] });
  }
});

test('a base without the block', async (t) => {
  const tree = workspace(t, {
    'nx.json': '{ "extends": "nx/presets/npm.json" }',
    'node_modules/nx/presets/npm.json': '{}',
  });
  const { text } = await init(tree, COMPLETE);
  assert.deepEqual(azure(text), { ...COMPLETE, ...MODES });
});

test('a connection string replaces the account and is not written', async (t) => {
  const tree = workspace(t, { 'nx.json': '{}' });
  const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: CONNECTION };
  const { text, asked, output } = await init(
    tree,
    {},
    { env, answers: ['nxcache'] },
  );
  assert.deepEqual(azure(text), { container: 'nxcache', ...MODES });
  assert.deepEqual(asked, ['Blob container that holds the cache']);
  assert.equal(
    output,
    'The connection string in AZURE_STORAGE_CONNECTION_STRING will be used; it is not written to nx.json.',
  );
});

test('an empty connection string counts for nothing', async (t) => {
  const env = { ...LICENSED, AZURE_STORAGE_CONNECTION_STRING: '' };
  const options = { container: 'nxcache' };
  const { output } = await init(workspace(t, {}), options, { env });
  assert.match(output, /^\nNext steps:\n- Fill in "accountName" in/);
});

test('an endpoint replaces the account', async (t) => {
  const endpoint = 'https://nxcache.privatelink.example';
  const options = { container: 'nxcache', endpoint };
  const { text, output } = await init(workspace(t, {}), options, {
    answers: [],
  });
  assert.deepEqual(azure(text), { ...options, ...MODES });
  assert.equal(output, '');
});

test('asks for what is missing until the answer is valid', async (t) => {
  const tree = workspace(t, { 'nx.json': '{ "azure": { "container": "" } }' });
  const { text, asked, output } = await init(
    tree,
    {},
    { answers: ['No_Good', CONNECTION, ' nxcache ', 'acc'] },
  );
  assert.deepEqual(azure(text), { ...COMPLETE, ...MODES });
  assert.equal(asked.length, 4);
  assert.match(output, /^container must be .*; got "No_Good"$/m);
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

test('asks nothing when nothing is missing', async (t) => {
  await init(workspace(t, {}), COMPLETE, { answers: [] });
});

test('asks nothing without a terminal', (t) => {
  const { root } = workspace(t, { 'nx.json': '{}' });
  const script = `
    const { FsTree, flushChanges } = require('nx/src/generators/tree');
    const { initGenerator } = require('./generator');
    const tree = new FsTree(process.argv[1], false);
    initGenerator(tree).then((callback) => {
      flushChanges(tree.root, tree.listChanges());
      callback();
    });`;
  const {
    CI: _ci,
    AZURE_STORAGE_CONNECTION_STRING: _connection,
    NX_POWERPACK_LICENSE: _license,
    ...env
  } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['-e', script, root],
    { cwd: __dirname, env, encoding: 'utf8', stdio: 'pipe', timeout: 30_000 },
  );
  assert.equal(status, 0, stderr);
  assert.equal(
    stdout,
    file(
      '',
      'Next steps:',
      '- Fill in "container" and "accountName" in the "azure" block of nx.json.',
      '- Set NX_POWERPACK_LICENSE to your licence, or save it as .nx/powerpack/license.ini, which does not belong in git: the cache is off without one.',
    ),
  );
  const written = fs.readFileSync(path.join(root, 'nx.json'), 'utf8');
  assert.deepEqual(azure(written), MODES);
});

test('a licence file is enough', async (t) => {
  const tree = workspace(t, { '.nx/powerpack/license.ini': 'a licence' });
  const { output } = await init(tree, COMPLETE, { env: {} });
  assert.equal(output, '');
});

test('valid values', async (t) => {
  /** @type {Record<string, string[]>} */
  const table = {
    container: ['abc', 'a1b', '123', 'nx-cache-2', 'a'.repeat(63)],
    accountName: ['abc', '123', 'a'.repeat(24)],
    endpoint: [
      'https://acc.blob.core.windows.net',
      'https://acc.blob.core.windows.net/',
      'https://127.0.0.1:10000/devstoreaccount1',
    ],
    prefix: ['a', 'team-a/shop_1/v1.2'],
    localMode: ['read-write', 'read-only', 'read', 'no-cache'],
    ciMode: ['read-write', 'read-only', 'read', 'no-cache'],
  };
  assert.deepEqual(Object.keys(table), Object.keys(schema.properties));
  for (const [key, values] of Object.entries(table)) {
    for (const value of values) {
      const { text } = await init(workspace(t, {}), { [key]: value });
      const expected =
        value === 'read' && key !== 'prefix' ? 'read-only' : value;
      assert.equal(azure(text)[key], expected);
    }
  }
});

test('invalid values are named, with what is allowed, and nothing is written', async (t) => {
  /** @type {Record<string, unknown[]>} */
  const table = {
    container: [
      '',
      'ab',
      'a'.repeat(64),
      'Nx',
      'a--b',
      '-ab',
      'ab-',
      'a_b',
      '$root',
      '$web',
      'abc\n',
      7,
      null,
    ],
    accountName: [
      '',
      'ab',
      'a'.repeat(25),
      'Acc',
      'my-acc',
      'acc.blob.core.windows.net',
      true,
    ],
    endpoint: [
      '',
      'acc',
      'http://acc.blob.core.windows.net',
      'https://',
      'https:///x',
      'https://a b',
      'https://[',
      'https://acc.example/#x',
      'https://user:word@acc.example',
      'https://acc.example/?',
    ],
    prefix: [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/../b',
      'a b',
      'ä',
      'a\\b',
    ],
    localMode: ['', 'write', 'READ', 'readonly', false],
    ciMode: ['', 'write', 'off', 'none'],
  };
  for (const [key, values] of Object.entries(table)) {
    for (const value of values) {
      const tree = workspace(t, {});
      await assert.rejects(
        init(tree, /** @type {Options} */ ({ [key]: value })),
        new RegExp(`^Error: ${key} must be .+; got ["a-z]`),
        `${key}: ${value}`,
      );
      assert.deepEqual(tree.listChanges(), []);
    }
  }
});

test('a value is judged as the binary judges it', async (t) => {
  /** @type {{ key: string, value: string, valid: boolean }[]} */
  const values = readJson('../../../../testdata/config/values.json');
  assert.ok(values.length > 0);
  for (const { key, value, valid } of values) {
    const judged = init(workspace(t, {}), { [key]: value });
    const what = `${key} ${value}`;
    if (valid) await judged.catch((err) => assert.fail(`${what}: ${err}`));
    else await assert.rejects(judged, { message: RegExp(key) }, what);
  }
});

test('all invalid values are reported together', async (t) => {
  await assert.rejects(
    init(workspace(t, {}), { container: 'A', prefix: '/' }),
    /^Error: container must be .*; got "A"\nprefix must be .*; got "\/"$/,
  );
});

test('a secret is neither written nor echoed, whatever it is given as', async (t) => {
  const secrets = [
    CONNECTION,
    'https://acc.blob.core.windows.net/?sv=2024-11-04&sp=rw&sig=aHVzaC1odXNo%3D',
    'https://user:aHVzaC1odXNo@acc.blob.core.windows.net',
    '?sig=aHVzaC1odXNo',
    'AccountKey=aHVz',
    'aHVzaC1odXNo'.repeat(7) + '==',
    'aHVzaC1odXNo'.repeat(7),
  ];
  const keys = Object.keys(schema.properties);
  for (const key of keys) {
    for (const secret of secrets) {
      // Any name is a valid prefix.
      if (key === 'prefix' && /^\w+$/.test(secret)) continue;
      const tree = workspace(t, {});
      await assert.rejects(init(tree, { [key]: secret }), (error) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, /not shown because it may hold a secret$/);
        assert.doesNotMatch(error.stack ?? '', /aHVz/);
        return true;
      });
      assert.deepEqual(tree.listChanges(), []);
    }
  }
});

test('a broken nx.json is left alone', async (t) => {
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

test('schema.json and schema.d.ts name the same options', () => {
  const types = fs.readFileSync(path.join(__dirname, 'schema.d.ts'), 'utf8');
  const body = types.slice(types.indexOf('interface'));
  const keys = Array.from(body.matchAll(/^ {2}(\w+)\?: /gm), ([, key]) => key);
  assert.deepEqual(keys, Object.keys(schema.properties));

  const modes = Array.from(
    types.split(';')[0].matchAll(/'([a-z-]+)'/g),
    ([, mode]) => mode,
  );
  assert.deepEqual(modes, schema.properties.localMode.enum);
  assert.deepEqual(modes, schema.properties.ciMode.enum);
});

test('generators.json names what is there', () => {
  const root = path.join(__dirname, '..', '..');
  const { init } = readJson('../../generators.json').generators;
  const [file, name] = init.factory.split('#');
  assert.equal(require(path.join(root, file))[name], initGenerator);
  assert.equal(
    path.join(root, init.schema),
    path.join(__dirname, 'schema.json'),
  );
});
