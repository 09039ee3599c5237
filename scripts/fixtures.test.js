'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { buildBinary, platforms } = require('./build');
const { sessionOf } = require('./kit/sessions/recorded-session');
const { runAgainstServer } = require('./kit/sessions/server-run');
const { readTree, shorter } = require('./kit/sessions/recorded-tree');
const { root } = require('./kit/root');
const { attempt } = require('./kit/run');
const { loadSessions, parseSession } = require('./kit/sessions/parse');

/** @import { Recorded } from './kit/sessions/recorded-session' */

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-test-'));
const binary = path.join(folder, 'nx-azure-cache');
before(async () => {
  const platform = platforms.find(
    ({ os, cpu }) => os === process.platform && cpu === process.arch,
  );
  assert.ok(platform);
  await buildBinary(binary, platform);
});
after(() => fs.rmSync(folder, { recursive: true }));

/** @param {string[]} args */
const fixtures = (...args) =>
  attempt('node', [path.join(root, 'scripts/fixtures.js'), ...args]);

test('all sessions for a server pass', async () => {
  const { code, output } = await fixtures('--server', binary);
  assert.equal(code, 0, output);
  const passed = /\n(\d+) passed, 0 failed/.exec(output);
  const sessions = loadSessions().filter(
    ({ audience }) => audience !== 'client',
  );
  assert.equal(Number(passed?.[1]), sessions.length);
});

test('a server that is none fails every session', async () => {
  const server = path.join(folder, 'no-server');
  fs.writeFileSync(server, '#!/bin/sh\necho 1.2.3\n', { mode: 0o755 });
  const { code, output } = await fixtures('--server', server, 'initialize');
  assert.equal(code, 1);
  assert.match(output, /initialize\.session:14: the stream ended \(.*1\.2\.3/);
  assert.match(output, /\n0 passed, 6 failed/);
});

test('a name that no session has, a server that is not there', async () => {
  const unknown = await fixtures('--server', binary, 'frobnicate');
  assert.equal(unknown.code, 1);
  assert.match(unknown.output, /there are no sessions named frobnicate/);
  const nowhere = await fixtures('--server', path.join(folder, 'nowhere'));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.output, /there is no .*nowhere/);
});

describe('a session that is none', () => {
  /** @type {Record<string, [string, RegExp]>} */
  const cases = {
    'expects nothing': ['# x\nfor server\n> 1 shutdown\n', /x:1: .*nothing/],
    'says not what it shows': ['for server\n< close\n', /x:1: .*comment/],
    'is for nobody': ['# x\n< close\n', /x:1: there is no line `for server`/],
    'is for somebody else': ['# x\nfor me\n< close\n', /x:2: .*not me/],
    'has an unknown keyword': ['# x\nfor server\nfrob\n', /x:3: .*"frob"/],
    'has broken JSON': ['# x\nfor server\n\n> 1 initialize {\n', /x:4: /],
    'has too few words': ['# x\nfor server\nstored 1 ""\n', /x:3: .*2 words/],
    'has a text without JSON': ['# x\nfor server\nstored 1 0\n', /x:3: .*JSON/],
    'has an odd entry': ['# x\nfor server\ntree x\n  a 999 ""\n', /x:3: a 999/],
    'names the first client': [
      '# x\nfor server\nA> close\n',
      /x:3: .*no letter/,
    ],
  };
  for (const [how, [text, message]] of Object.entries(cases)) {
    test(how, () => assert.throws(() => parseSession('x', text), message));
  }
  test('no session at all', () => {
    assert.throws(() => loadSessions([], root), /there are no sessions/);
  });
});

describe('a session fails', { concurrency: 4 }, () => {
  const head =
    '# x\nfor server\nstored 123 0 "done"\n  a.txt "a"\n> 1 initialize {...}\n';
  /** @type {Record<string, [string, RegExp]>} */
  const failing = {
    'by another value': [
      '< 1 {"mode": "read-only", ...}',
      /x:6: .*\n {2}result\.mode: want "read-only", got "read-write"/,
    ],
    'by a member too many': [
      '< 1 {"mode": "read-write"}',
      /drain: want nothing/,
    ],
    'by an answer nobody wants': [
      '< 1 {...}\n> 2 frobnicate\n> 3 shutdown\n< 3 {...}',
      /at the end of client A: no line wants\n.*"id":2/,
    ],
    'by its end': ['< 1 {...}\n> close\n< log {...}', /x:8: the stream ended/],
    'by an exit code': [
      '< 1 {...}\n> close\n< exit 1 "x"',
      /x:8: want the exit code 1, got 0\nstderr: want "x"/,
    ],
    'by a tree': [
      '< 1 {...}\nexpect tree ${workspaceRoot}\n  a.txt "a"',
      /x:7: .*\n {2}want a\.txt 644 "a"\n {2}got {2}\.nx\/ 755/,
    ],
    'by a file': [
      '< 1 {...}\nexpect no ${workspaceRoot}/.nx',
      /x:7: want noth/,
    ],
    'by blobs': [
      '< 1 {...}\nexpect blobs none',
      /x:7: .*got \["v1\/local\/123/,
    ],
    'by requests': [
      '< 1 {...}\nexpect requests GET 404',
      /x:7: want the requests \["GET 404"\], got \["none"\]/,
    ],
    'by a result': [
      '< 1 {...}\nexpect stored 456 0 ""',
      /x:7: .*no result 456/,
    ],
    'by its code': [
      '< 1 {...}\nexpect stored 123 1 "done"',
      /x:7: want the code/,
    ],
    'by its files': [
      '< 1 {...}\nexpect stored 123 0 "done"\n  a.txt "b"',
      /want a\.txt 644 "b"\n {2}got {2}a\.txt 644 "a"/,
    ],
    'by leftovers': [
      '< 1 {...}\ntree ${otherCacheDirectory}\n  .nx-azure-cache-1 "x"',
      /x: at the end \.nx-azure-cache-1 is left/,
    ],
    'by a damage of nothing': [
      '< 1 {...}\ndamage 456 flip',
      /x:7: .*under 456/,
    ],
    'by a behaviour': ['< 1 {...}\nstorage GET never', /x:7: "GET never"/],
  };
  for (const [how, [lines, message]] of Object.entries(failing)) {
    test(how, async () => {
      const session = parseSession('x', `${head}${lines}\n`);
      await assert.rejects(runAgainstServer(binary, '0.1.0', session), message);
    });
  }
});

describe('recording', () => {
  test('a tree, with placeholders for long texts', () => {
    const tree = path.join(folder, 'tree');
    fs.mkdirSync(path.join(tree, 'a/empty'), { recursive: true });
    fs.chmodSync(path.join(tree, 'a/empty'), 0o700);
    fs.writeFileSync(path.join(tree, 'a/b c'), 'x\n');
    fs.writeFileSync(path.join(tree, 'a/run'), 'ab '.repeat(1000));
    fs.chmodSync(path.join(tree, 'a/b c'), 0o644);
    fs.chmodSync(path.join(tree, 'a/run'), 0o755);
    fs.symlinkSync('run', path.join(tree, 'a/link'));
    assert.deepEqual(readTree(tree), [
      '"a/b c" 644 "x\\n"',
      'a/empty/ 700',
      'a/link -> run',
      'a/run 755 "${repeat 1000 ab }"',
    ]);
  });

  test('what a session cannot hold is refused', () => {
    for (const content of [
      Buffer.from([0xff]),
      '${x}',
      `y${'z'.repeat(3000)}`,
    ]) {
      const tree = fs.mkdtempSync(path.join(folder, 'odd-'));
      fs.writeFileSync(path.join(tree, 'file'), content);
      assert.throws(
        () => readTree(tree),
        /only text|means something|too large/,
      );
    }
    assert.equal(shorter('{}'.repeat(100)), '{}'.repeat(100));
  });

  test('two machines become one session, which is valid', () => {
    const { first, second } = twoMachines();
    const text = sessionOf({
      ...{ first, second, command: 'nx build' },
      blobs: ['v1/local/123', 'v1/local/456'],
    });
    const wanted = [
      '> 0 initialize {"ci":true,"config":{"container":"c"}, ...}',
      '> 1 store {"hash":"123","cacheDirectory":"${cacheDirectory}","code":0,"terminalOutput":"in ${workspaceRoot}"}',
      '< stored {"hash":"123","bytes":"${number}","outcome":"stored","reason":""}',
      '< stored {"hash": "456", "outcome": "stored", ...}',
      'expect blobs v1/local/123 v1/local/456',
      'B< 1 {"code":0,"outputsPath":"${otherCacheDirectory}/123","size":1,"terminalOutput":""}',
      'B< 2 error 3 "damaged"',
      'expect tree ${otherCacheDirectory}/123',
    ];
    const lines = text.split('\n');
    for (const line of wanted)
      assert.ok(lines.includes(line), `${line}\n${text}`);
    assert.ok(!/machine-|4711|progress/.test(text), text);
    assert.equal(parseSession('x', text).audience, 'server');
  });

  test('a run in which nothing was stored is none', () => {
    const { second } = twoMachines();
    const recorded = { first: second, second, blobs: [], command: '' };
    assert.throws(() => sessionOf(recorded), /nothing was stored/);
  });
});

function twoMachines() {
  const tree = () => ['a.txt 644 "a"'];
  /** @type {(folder: string, lines: ['>' | '<', any][]) => Recorded} */
  const machine = (folder, lines) => ({
    ...{ cacheDirectory: `${folder}/cache`, workspaceRoot: `${folder}/work` },
    tree,
    messages: /** @type {typeof lines} */ ([
      ['>', { id: 0, method: 'initialize', params: hello(folder) }],
      ['<', { id: 0, result: { enabled: true, session: '4711-x' } }],
      ...lines,
    ]).map(([direction, message]) => ({ direction, message })),
  });
  const hello = (/** @type {string} */ folder) => ({
    ...{ processId: 4711, workspaceRoot: `${folder}/work`, ci: true },
    config: { container: 'c' },
  });
  const [a, b] = ['/machine-a', '/machine-b'];
  const params = { cacheDirectory: `${a}/cache`, code: 0 };
  const queued = { queued: true, reason: '' };
  const stored = { bytes: 5, outcome: 'stored', reason: '' };
  const text = `in ${a}/work`;
  const asked = { cacheDirectory: `${b}/cache` };
  const path = `${b}/cache/123`;
  const hit = { code: 0, outputsPath: path, size: 1, terminalOutput: '' };
  return {
    first: machine(a, [
      [
        '>',
        {
          ...{ id: 1, method: 'store' },
          params: { hash: '123', ...params, terminalOutput: text },
        },
      ],
      ['<', { id: 1, result: queued }],
      ['<', { method: 'progress', params: { bytes: 5 } }],
      ['<', { method: 'log', params: { level: 'debug', message: 'x' } }],
      ['<', { method: 'stored', params: { hash: '123', ...stored } }],
      [
        '>',
        {
          ...{ id: 2, method: 'store' },
          params: { hash: '456', ...params, terminalOutput: '' },
        },
      ],
      ['<', { id: 2, result: queued }],
    ]),
    second: machine(b, [
      ['>', { id: 1, method: 'retrieve', params: { hash: '123', ...asked } }],
      ['>', { id: 2, method: 'retrieve', params: { hash: '456', ...asked } }],
      ['<', { id: 1, result: hit }],
      ['<', { id: 2, error: { code: 3, message: 'damaged' } }],
    ]),
  };
}
