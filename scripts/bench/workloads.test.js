'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { gzipSync } = require('node:zlib');
const { Keystream, mixed } = require('./content');
const { digestOf } = require('./trees');
const { workload } = require('./workloads');

/** @import { TestContext } from 'node:test' */

/** @param {TestContext} t */
function temporaryFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @param {Buffer} content */
const sha256 = (content) => createHash('sha256').update(content).digest('hex');

test('generated content is the same on every machine', () => {
  // When these change, raise `generation` in workloads.js.
  assert.equal(
    sha256(new Keystream('a').bytes(1000)),
    '77d0e30f8a2c7040318ecd714574adb6ea07b7b145f79846cdae3d449e3280a9',
  );
  assert.equal(
    sha256(mixed('a', 100_000)),
    '306ed89aa6c756b1f192a5f60b4e9e4c7ca9492b54b68798d98e686114882a1d',
  );
});

test('gzip shrinks half compressible content to less than half', () => {
  const ratio = 1_000_000 / gzipSync(mixed('b', 1_000_000)).length;
  assert.ok(ratio > 2.1 && ratio < 2.4, String(ratio));
});

test('a workload is made once, and again after its files change', async (t) => {
  const folder = temporaryFolder(t);
  const made = await workload('tiny', folder);
  assert.deepEqual([made.files, made.bytes], [3, 20_000]);
  assert.equal(made.hashes.length, 2);
  const [first, second] = made.hashes.map((hash) =>
    path.join(made.cacheDirectory, hash),
  );
  assert.equal(digestOf(first), made.digest);
  assert.notEqual(digestOf(second), made.digest, 'two different results');

  const inode = () => fs.statSync(first).ino;
  const before = inode();
  assert.deepEqual(await workload('tiny', folder), made);
  assert.equal(inode(), before, 'made again without need');

  fs.appendFileSync(path.join(first, 'dist/lib0/index.js'), 'x');
  assert.deepEqual(await workload('tiny', folder), made);
  assert.equal(digestOf(first), made.digest);
});

test('a workload of another generation is made again', async (t) => {
  const folder = temporaryFolder(t);
  const made = await workload('tiny', folder);
  const stamp = path.join(folder, 'tiny.json');
  const content = JSON.parse(fs.readFileSync(stamp, 'utf8'));
  fs.writeFileSync(stamp, JSON.stringify({ ...content, origin: '0' }));
  fs.writeFileSync(path.join(made.cacheDirectory, 'stale'), '');
  assert.deepEqual(await workload('tiny', folder), made);
  assert.ok(!fs.existsSync(path.join(made.cacheDirectory, 'stale')));
});
