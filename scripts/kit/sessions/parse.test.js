'use strict';

// Malformed sessions must neither pass nor be skipped.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe, test } = require('node:test');
const { loadSessions, parseSession } = require('./parse');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-test-'));
after(() => fs.rmSync(folder, { recursive: true }));

describe('a malformed session', () => {
  /** @type {Record<string, [string, RegExp]>} */
  const cases = {
    'expects nothing': ['# x\nfor server\n> 1 shutdown\n', /x:1: .*nothing/],
    'does not say what it shows': ['for server\n< close\n', /x:1: .*comment/],
    'is for neither end': [
      '# x\n< close\n',
      /x:1: there is no line `for server`/,
    ],
    'is for an unknown end': ['# x\nfor me\n< close\n', /x:2: .*not me/],
    'has an unknown keyword': [
      '# x\nfor server\nfrob\n',
      /x:3: unknown keyword "frob"/,
    ],
    'has broken JSON': ['# x\nfor server\n\n> 1 initialize {\n', /x:4: /],
    'has broken JSON over two lines': [
      '# x\nfor server\n> 1 initialize {\n  "a": }\n',
      /x:3: /,
    ],
    'has too few words': ['# x\nfor server\nstored 1 ""\n', /x:3: .* 2 words/],
    'has too many words': ['# x\nfor server\nremove a b\n', /x:3: .* 1 words/],
    'has a string without JSON': [
      '# x\nfor server\nstored 1 0\n',
      /x:3: .*JSON/,
    ],
    'has an exit without a code': [
      '# x\nfor server\n< exit soon\n',
      /x:3: exit takes a code, not "soon"/,
    ],
    'has raw bytes without JSON': ['# x\nfor server\n> raw x\n', /x:3: /],
    'has a malformed entry': [
      '# x\nfor server\ntree x\n  b ""\n  a 999 ""\n',
      /x:5: a 999/,
    ],
    'has a file without content': [
      '# x\nfor server\ntree x\n  a 644\n',
      /x:4: a has no content/,
    ],
    'names the first client': [
      '# x\nfor server\nA> close\n',
      /x:3: .*no letter/,
    ],
  };
  for (const [how, [text, message]] of Object.entries(cases)) {
    test(how, () => assert.throws(() => parseSession('x', text), message));
  }
});

test('a folder or a pattern without sessions is an error', () => {
  assert.throws(() => loadSessions([], folder), /there are no sessions in /);
  const none = /there are no sessions named frobnicate in /;
  assert.throws(() => loadSessions(['frobnicate']), none);
});

test('one error names all malformed sessions', () => {
  const from = fs.mkdtempSync(path.join(folder, 'sessions-'));
  const fine = '# x\nfor server\n< close\n';
  fs.writeFileSync(path.join(from, 'a.session'), 'for server\n');
  fs.writeFileSync(path.join(from, 'b.session'), fine);
  fs.writeFileSync(path.join(from, 'c.session'), '# x\nfor server\n');
  fs.writeFileSync(path.join(from, 'no-session.txt'), 'x');
  const both = /a\.session:1: .*comment[^]*c\.session:1: .*nothing/;
  assert.throws(() => loadSessions([], from), both);
  assert.deepEqual(
    loadSessions(['b'], from).map(({ name }) => name),
    ['b'],
  );
});

test('the parser reads every kind of line', () => {
  const text = [
    '# x',
    'for both',
    'env A=b c',
    'stored 1 0 "out"',
    '  "a b" 755 "x"',
    '  c -> d',
    '  e/ 700',
    'B>+ "id" retrieve {"a": [1], ...}',
    '<~ 1 error 2 NXAC040 "no"',
    '< exit 2 "x"',
    'nx 1 off',
    'nx says "x"',
  ].join('\r\n');
  const { audience, steps } = parseSession('x', text);
  assert.equal(audience, 'both');
  const [env, stored, request, error, exit, off, says] = steps;
  assert.deepEqual(env.words, ['A=b c']);
  assert.deepEqual([stored.words, stored.value], [['1', '0'], 'out']);
  assert.deepEqual(stored.tree, [
    { path: 'a b', mode: 0o755, content: 'x' },
    { path: 'c', target: 'd' },
    { path: 'e', mode: 0o700 },
  ]);
  assert.deepEqual(
    [request.client, request.delivery, request.message.value],
    [
      ...['B', '+'],
      {
        ...{ jsonrpc: '2.0', id: 'id', method: 'retrieve' },
        params: { a: [1], '...': 0 },
      },
    ],
  );
  assert.equal(error.delivery, '~');
  const data = { diagnostic: 'NXAC040' };
  const failed = { code: 2, message: 'no', data };
  assert.deepEqual(error.message.value.error, failed);
  assert.deepEqual([exit.message.code, exit.message.text], [2, 'x']);
  assert.deepEqual([off.words, off.value, says.value], [['1'], 'off', 'x']);
});
