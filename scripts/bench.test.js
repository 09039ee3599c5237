'use strict';

// Runs the smallest rows of the bench once, so that the bench does not rot.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { folders } = require('./bench/folders');
const { attempt } = require('./kit/run');

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] added
 */
const bench = (args, env = {}) =>
  attempt(process.execPath, [path.join(__dirname, 'bench.js'), ...args], {
    env: { ...process.env, ...env },
  });

const isLinux = process.platform === 'linux';

test(
  'the bench measures the smallest rows with every client and limit',
  { skip: !isLinux && 'the bench reads /proc' },
  async () => {
    const { code, output } = await bench(['--tiny', '--rounds', '1']);
    assert.equal(code, 0, output);
    const file = path.join(folders.findings, 'tiny', 'bench.json');
    const { results, sizes, verdicts } = JSON.parse(
      fs.readFileSync(file, 'utf8'),
    );
    assertComplete(results);
    assertFar(results);
    assert.ok(sizes.packages[`${process.platform}-${process.arch}`]);
    assert.ok(verdicts.length >= 3, output);
    assert.ok(
      output.includes(path.dirname(file)),
      'the output names the folder',
    );
    assert.ok(output.includes('nx-azure-cache'), output);
    const left = fs.readdirSync(folders.results).filter(isDead);
    assert.deepEqual(left, []);
  },
);

/** @param {Record<string, any>} results */
function assertComplete(results) {
  const contenders = Object.fromEntries(
    Object.entries(results).map(([id, row]) => [id, Object.keys(row.results)]),
  );
  const clients = ['ours', 'nx', 'plain'];
  assert.deepEqual(contenders, {
    initialize: ['ours'],
    opened: clients,
    open: clients,
    'store tiny': [...clients, 'tar | zstd'],
    'retrieve tiny': [...clients, 'cp -r', 'raw GET'],
    'store tiny account': ['ours', 'nx'],
    'retrieve tiny account': ['ours', 'nx'],
    'miss 2 account': ['ours', 'two scopes'],
  });
  for (const { results: row } of Object.values(results)) {
    for (const { ms } of Object.values(row)) assert.ok(ms > 0);
  }
  const { ours, nx } = results['store tiny'].results;
  assert.equal(ours.requests, 2);
  assert.equal(ours.sent, ours.stored);
  assert.ok(ours.rssChild > 0 && ours.rssNode > 0 && ours.latency > 0);
  assert.equal(nx.requests, 2);
  const { ours: reader } = results['retrieve tiny'].results;
  assert.equal(reader.received, ours.stored);
  assert.equal(reader.requests, 2, 'our client reads one scope');
  const misses = results['miss 2 account'].results;
  assert.equal(misses.ours.requests, 2);
  assert.equal(misses['two scopes'].requests, 4);
}

/**
 * Asserts that no row ends within the 20 ms that each request takes: the clock
 * stops when the storage has everything, not when `store` accepts it.
 *
 * @param {Record<string, any>} results
 */
function assertFar(results) {
  for (const id of ['store tiny account', 'retrieve tiny account']) {
    const { ours, nx } = results[id].results;
    assert.ok(ours.ms >= 20, `${id}: ${ours.ms}`);
    assert.ok(nx.ms >= 20, `${id}: ${nx.ms}`);
  }
}

/**
 * Whether a folder of results belongs to a run that has ended.
 *
 * @param {string} pid
 */
function isDead(pid) {
  return !fs.existsSync(`/proc/${pid}`);
}

test('an unknown row and an invalid number of rounds are errors', async () => {
  const unknown = await bench(['--quick', '--only', 'nonsense']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.output, /no row's name contains [^]*retrieve W1/);
  const none = await bench(['--rounds', '0']);
  assert.equal(none.code, 1);
  assert.match(none.output, /--rounds must be a whole number from 1, not 0/);
});

test(
  'the bench reports a row that fails, and exits with 1',
  { skip: !isLinux && 'the bench reads /proc' },
  async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-test-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    fs.writeFileSync(path.join(folder, 'sync'), '#!/bin/sh\nexit 5\n', {
      mode: 0o755,
    });
    const { code, output } = await bench(['--tiny', '--only', 'initialize'], {
      PATH: `${folder}:${process.env.PATH}`,
    });
    assert.equal(code, 1, output);
    assert.match(output, /failed: initialize: sync +ended with 5/);
  },
);

test(
  'the bench leaves nothing behind when its output is closed',
  { skip: !isLinux && 'the bench reads /proc' },
  async () => {
    const marker = randomUUID();
    const child = spawn(
      process.execPath,
      [path.join(__dirname, 'bench.js'), '--tiny', '--only', 'initialize'],
      {
        env: { ...process.env, BENCH_TEST: marker },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    // The bench prints the first row while its servers run.
    await untilPrinted(child.stdout, /^initialize: /m);
    child.stdout.destroy();
    const [code] = await once(child, 'close');
    assert.equal(code, 128 + os.constants.signals.SIGPIPE);
    assert.deepEqual(processesWith(marker), []);
    assert.deepEqual(fs.readdirSync(folders.results).filter(isDead), []);
  },
);

/**
 * Reads a stream until its text matches a pattern.
 *
 * @param {NodeJS.ReadableStream} stream
 * @param {RegExp} what
 */
async function untilPrinted(stream, what) {
  let text = '';
  while (!what.test(text)) text += (await once(stream, 'data'))[0];
}

/**
 * The processes that have a string in their environment.
 *
 * @param {string} text
 */
function processesWith(text) {
  return fs.readdirSync('/proc').filter((name) => {
    try {
      return fs.readFileSync(`/proc/${name}/environ`, 'utf8').includes(text);
    } catch {
      return false; // no process, or one that has ended
    }
  });
}
