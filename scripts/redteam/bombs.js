'use strict';

// Small archives that announce, or unpack to, more than a disk holds.

const zstdMagic = 0xfd2fb528;

/** The most that a block of zstd unpacks to. */
const blockSize = 128 * 1024;

/**
 * A frame of zstd (RFC 8878): a content as it is, and after it a byte so many
 * times, for which a block of four bytes stands.
 *
 * @param {Buffer} content
 * @param {number} repeats blocks of the byte
 * @param {number} byte
 */
function frame(content, repeats, byte) {
  const head = Buffer.alloc(6);
  head.writeUInt32LE(zstdMagic, 0);
  head.writeUInt8(0, 4); // no size, no checksum
  head.writeUInt8(0b0101_1000, 5); // a window of 2 MiB
  const raw = block(0, content.length);
  const last = block(1, blockSize, true);
  const one = Buffer.concat([block(1, blockSize), Buffer.from([byte])]);
  return Buffer.concat([
    ...[head, raw, content],
    ...Array(repeats).fill(one),
    ...[last, Buffer.from([byte])],
  ]);
}

/**
 * The header of a block.
 *
 * @param {0 | 1} type raw, or a byte that is repeated
 * @param {number} size
 * @param {boolean} [isLast]
 */
function block(type, size, isLast = false) {
  const header = Buffer.alloc(3);
  header.writeUIntLE(size * 8 + type * 2 + (isLast ? 1 : 0), 0, 3);
  return header;
}

/**
 * The head of an entry of a tar, as GNU's tar writes those above 8 GiB.
 *
 * @param {string} name
 * @param {string} type
 * @param {number} size
 */
function entry(name, type, size) {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  if (size < 8 ** 11) {
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  } else {
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write('00000000000\0', 136);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/**
 * @param {string} name
 * @param {string} text
 */
function file(name, text) {
  const content = Buffer.alloc(Math.ceil(text.length / 512) * 512);
  content.write(text);
  return Buffer.concat([entry(name, '0', text.length), content]);
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
    frame(
      Buffer.concat([start(hash), entry('outputs/large', '0', 2 ** 40)]),
      ...[1024, 0],
    ),
  // A header of 1 GiB for an entry that never comes.
  'bomb-an-extended-header-of-a-gigabyte': (hash) =>
    frame(
      Buffer.concat([start(hash), entry('././@LongLink', 'L', 2 ** 30)]),
      ...[8192, 'x'.charCodeAt(0)],
    ),
  'bomb-a-gigabyte-after-its-end': (hash) =>
    frame(Buffer.concat([start(hash), Buffer.alloc(1024)]), 8192, 0),
};

exports.bombs = bombs;
