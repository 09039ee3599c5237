'use strict';

// Uploads the archives of testdata/archives/uploads without our client.

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { listBlobs, writeBlob } = require('./azurite');
const { root } = require('./root');
const { shared } = require('./shared');

const folder = path.join(root, 'testdata', 'archives', 'uploads');

/** The names of the archives in the folder. */
const uploads = fs
  .readdirSync(folder)
  .filter((file) => file.endsWith('.tar'))
  .map((file) => path.basename(file, '.tar'));
assert.ok(uploads.length > 0, `there are no archives in ${folder}`);

/**
 * Replaces each entry of a container with an archive that carries the entry's
 * hash.
 *
 * @param {string} container
 * @param {string} name of the archive
 */
async function upload(container, name) {
  const tar = fs.readFileSync(path.join(folder, `${name}.tar`));
  const blobs = await listBlobs(shared().azurite, container);
  assert.ok(blobs.length > 0);
  for (const { name } of blobs) {
    const hash = path.posix.basename(name);
    const content = zstd(withHash(tar, hash));
    const metadata = {
      format: '1',
      length: `${content.length}`,
      sha256: createHash('sha256').update(content).digest('hex'),
    };
    const url = `/account/${container}/${name}`;
    await writeBlob(shared().azurite, url, content, metadata);
  }
}

/**
 * Returns an archive with another hash in its metadata.json.
 *
 * @param {Buffer} tar
 * @param {string} hash
 */
function withHash(tar, hash) {
  for (let at = 0; at + 512 <= tar.length;) {
    const header = Buffer.from(tar.subarray(at, at + 512));
    const name = header.toString('utf8', 0, 100).replace(/\0.*/, '');
    const size = parseInt(header.toString('latin1', 124, 136), 8) || 0;
    const end = at + 512 + padded(size);
    if (name === 'metadata.json') {
      const text = tar.toString('utf8', at + 512, at + 512 + size);
      const metadata = { ...JSON.parse(text), hash };
      const body = Buffer.from(JSON.stringify(metadata));
      setSize(header, body.length);
      const content = Buffer.alloc(padded(body.length));
      body.copy(content);
      return Buffer.concat([
        tar.subarray(0, at),
        header,
        content,
        tar.subarray(end),
      ]);
    }
    at = end;
  }
  assert.fail('the archive has no metadata.json');
}

const padded = (/** @type {number} */ size) => Math.ceil(size / 512) * 512;

/**
 * @param {Buffer} header of a tar's entry
 * @param {number} size
 */
function setSize(header, size) {
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/**
 * A zstd frame (RFC 8878) with uncompressed content, because Node 20 cannot
 * compress with zstd.
 *
 * @param {Buffer} content
 */
function zstd(content) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528, 0);
  head.writeUInt8(0b1010_0000, 4); // one segment, whose size has four bytes
  head.writeUInt32LE(content.length, 5);
  /** @type {Buffer[]} */
  const parts = [head];
  const maxBlockSize = 128 * 1024;
  for (let at = 0; at < content.length; at += maxBlockSize) {
    const block = content.subarray(at, at + maxBlockSize);
    const isLast = at + maxBlockSize >= content.length ? 1 : 0;
    const size = Buffer.alloc(3);
    size.writeUIntLE(block.length * 8 + isLast, 0, 3);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}

exports.folder = folder;
exports.upload = upload;
exports.uploads = uploads;
exports.withHash = withHash;
exports.zstd = zstd;
