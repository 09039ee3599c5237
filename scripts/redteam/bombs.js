'use strict';

// Small archives that announce, or unpack to, more than fits on a disk.

const zstdMagic = 0xfd2fb528;

/** The largest unpacked sizes of a zstd block, and of a frame of an archive. */
const blockSize = 128 * 1024;
const frameSize = 2 * 1024 * 1024;

/**
 * Frames of zstd (RFC 8878): the content uncompressed, then a byte many times. Each block of
 * four bytes unpacks to 128 KiB.
 *
 * @param {Buffer} content of less than a frame
 * @param {number} total number of bytes, with the content
 * @param {number} byte
 */
function frames(content, total, byte) {
  /** @type {Buffer[]} */
  const all = [frame(content, Math.min(total, frameSize), byte)];
  const full = frame(Buffer.alloc(0), frameSize, byte);
  for (let at = frameSize; at < total; at += frameSize) {
    const size = Math.min(total - at, frameSize);
    all.push(size === frameSize ? full : frame(Buffer.alloc(0), size, byte));
  }
  return Buffer.concat(all);
}

/**
 * A frame that announces its size.
 *
 * @param {Buffer} content
 * @param {number} size
 * @param {number} byte that follows the content
 */
function frame(content, size, byte) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(zstdMagic, 0);
  head.writeUInt8(0b1010_0000, 4); // one segment, whose size has four bytes
  head.writeUInt32LE(size, 5);
  /** @type {Buffer[]} */
  const parts = [head];
  for (let at = 0; at < content.length; at += blockSize) {
    const part = content.subarray(at, at + blockSize);
    parts.push(block(0, part.length, at + part.length === size), part);
  }
  for (let at = content.length; at < size; at += blockSize) {
    const length = Math.min(blockSize, size - at);
    parts.push(block(1, length, at + length === size), Buffer.from([byte]));
  }
  return Buffer.concat(parts);
}

/**
 * The header of a block.
 *
 * @param {0 | 1} type raw, or one repeated byte
 * @param {number} size
 * @param {boolean} [isLast]
 */
function block(type, size, isLast = false) {
  const header = Buffer.alloc(3);
  header.writeUIntLE(size * 8 + type * 2 + (isLast ? 1 : 0), 0, 3);
  return header;
}

/**
 * The header of a tar entry. A size above 8 GiB needs a record.
 *
 * @param {string} name
 * @param {string} type
 * @param {number} size
 */
function entry(name, type, size) {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write(`${(size % 8 ** 11).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/**
 * An extended header.
 *
 * @param {Record<string, string>} records
 */
function extended(records) {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const digits = `${rest.length + `${rest.length + 2}`.length}`;
    return `${digits}${rest}`;
  });
  return file('PaxHeaders.0/x', text.join(''), 'x');
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [type]
 */
function file(name, text, type = '0') {
  const size = Buffer.byteLength(text);
  const content = Buffer.alloc(Math.ceil(size / 512) * 512);
  content.write(text);
  return Buffer.concat([entry(name, type, size), content]);
}

/**
 * The beginning of each archive.
 *
 * @param {string} hash
 */
const start = (hash) =>
  Buffer.concat([
    file('metadata.json', JSON.stringify({ format: 1, hash, code: 0 })),
    file('terminalOutput', 'ok'),
    entry('outputs/', '5', 0),
  ]);

/**
 * @type {Record<string, (hash: string) => Buffer>}
 */
const bombs = {
  // 4 KB of blocks are 128 MiB of zeros, the beginning of a file of 1 TiB.
  'bomb-a-file-of-a-terabyte': (hash) =>
    frames(
      Buffer.concat([
        start(hash),
        extended({ size: `${2 ** 40}` }),
        entry('outputs/large', '0', 0),
      ]),
      ...[128 * 1024 * 1024, 0],
    ),
  // A header of 1 GiB for an entry that never comes.
  'bomb-an-extended-header-of-a-gigabyte': (hash) =>
    frames(
      Buffer.concat([start(hash), entry('PaxHeaders.0/x', 'x', 2 ** 30)]),
      ...[2 ** 30, 'x'.charCodeAt(0)],
    ),
  'bomb-a-gigabyte-after-its-end': (hash) =>
    frames(Buffer.concat([start(hash), Buffer.alloc(1024)]), 2 ** 30, 0),
};

/** The zeros in each of the bombs below, in bytes. */
const zeros = 300 * 1024 * 1024;

/**
 * A task result with additional entries.
 *
 * @param {string} hash
 * @param {string} output path of its only file in the workspace
 * @param {string} content of that file
 * @param {Buffer} more entries after that file
 */
const result = (hash, output, content, more) =>
  Buffer.concat([
    start(hash),
    ...output
      .split('/')
      .slice(0, -1)
      .map((_, i, all) => `outputs/${all.slice(0, i + 1).join('/')}/`)
      .map((name) => entry(name, '5', 0)),
    file(`outputs/${output}`, content),
    more,
  ]);

/**
 * A task result with an empty file of 300 MiB, as GNU tar stores it: its size, and a map of
 * one byte.
 *
 * @param {string} hash
 * @param {string} output
 * @param {string} content
 */
function sparseBomb(hash, output, content) {
  const more = Buffer.concat([
    extended({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': `outputs/${output.replace(/[^/]*$/, '')}sparse`,
      'GNU.sparse.realsize': `${zeros}`,
    }),
    entry('outputs/GNUSparseFile.0', '0', 513),
    Buffer.from('1\n0\n1\n'.padEnd(512, '\0')),
    Buffer.alloc(512),
    Buffer.alloc(1024),
  ]);
  const all = result(hash, output, content, more);
  return frame(all, all.length, 0);
}

/**
 * A task result with 300 MiB of zeros in a file, in 11 KB.
 *
 * @param {string} hash
 * @param {string} output
 * @param {string} content
 */
function ratioBomb(hash, output, content) {
  const name = `outputs/${output.replace(/[^/]*$/, '')}zeros`;
  const all = result(hash, output, content, entry(name, '0', zeros));
  return frames(all, all.length + zeros + 1024, 0);
}

exports.bombs = bombs;
exports.ratioBomb = ratioBomb;
exports.sparseBomb = sparseBomb;
