'use strict';

// Sessions recorded from real Nx.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe, test } = require('node:test');
const { parseSession } = require('./parse');
const { sessionOf } = require('./recorded-session');
const { readTree, shorter } = require('./recorded-tree');

/** @import { Recorded } from './recorded-session' */

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-test-'));
after(() => fs.rmSync(folder, { recursive: true }));

describe('recording', () => {
  test('a tree, with placeholders for repetitions', () => {
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

  test('content that a session cannot represent is rejected', () => {
    for (const content of [
      Buffer.from([0xff]),
      '${x}',
      `y${'z'.repeat(3000)}`,
    ]) {
      const tree = fs.mkdtempSync(path.join(folder, 'odd-'));
      fs.writeFileSync(path.join(tree, 'file'), content);
      assert.throws(() => readTree(tree), /not UTF-8|placeholder|too large/);
    }
    assert.equal(shorter('{}'.repeat(100)), '{}'.repeat(100));
  });

  test('two machines become one valid session', () => {
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
      'B< 2 error 3 NXAC080 "damaged"',
      'expect tree ${otherCacheDirectory}/123',
    ];
    const lines = text.split('\n');
    for (const line of wanted)
      assert.ok(lines.includes(line), `${line}\n${text}`);
    assert.ok(!/machine-|4711|progress/.test(text), text);
    assert.equal(parseSession('x', text).audience, 'server');
  });

  test('a run without stored results is rejected', () => {
    const { second } = twoMachines();
    const recorded = { first: second, second, blobs: [], command: '' };
    assert.throws(() => sessionOf(recorded), /no stored result/);
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
  const data = { diagnostic: 'NXAC080' };
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
      ['<', { id: 2, error: { code: 3, message: 'damaged', data } }],
    ]),
  };
}
