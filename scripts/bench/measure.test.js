'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { concurrency } = require('./limits');
const { verifyRestored, verifyStored } = require('./measure');
const { workload } = require('./workloads');

/** @import { TestContext } from 'node:test' */

/**
 * A workload and a copy of it, as if it had been restored.
 *
 * @param {TestContext} t
 */
async function restored(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const tiny = await workload('tiny', folder);
  const copy = path.join(folder, 'copy');
  fs.cpSync(tiny.cacheDirectory, copy, { recursive: true });
  const [first, second] = tiny.hashes;
  return {
    file: path.join(copy, first, 'dist/lib0/index.js'),
    second: path.join(copy, second),
    verify: (thorough = false) =>
      verifyRestored(tiny, tiny.hashes, copy, thorough),
  };
}

test('a correctly restored result passes', async (t) => {
  const { verify } = await restored(t);
  verify();
  verify(true);
});

test('a short, a missing or an extra file fails the row', async (t) => {
  const { file, second, verify } = await restored(t);
  const content = fs.readFileSync(file);
  fs.writeFileSync(file, content.subarray(1));
  assert.throws(() => verify(), /holds 3 files with 19999 bytes/);
  fs.rmSync(file);
  assert.throws(() => verify(), /holds 2 files with 6000 bytes/);
  fs.writeFileSync(file, content);
  verify();
  fs.writeFileSync(path.join(second, 'more'), '');
  assert.throws(() => verify(), /holds 4 files with 20000 bytes/);
});

test('changed content of the same size fails a thorough comparison', async (t) => {
  const { file, verify } = await restored(t);
  const content = fs.readFileSync(file);
  content[0] ^= 1;
  fs.writeFileSync(file, content);
  verify();
  assert.throws(() => verify(true), /does not hold what was stored/);
});

test('a missing blob or one without content fails the row', () => {
  verifyStored({ blobs: 2, stored: 10 }, ['1', '2']);
  assert.throws(
    () => verifyStored({ blobs: 1, stored: 10 }, ['1', '2']),
    /1 blobs/,
  );
  assert.throws(
    () => verifyStored({ blobs: 2, stored: 0 }, ['1', '2']),
    / 0 bytes/,
  );
});

test('the number of raw GETs at once is read from our source', () => {
  assert.ok(concurrency() >= 1);
});
