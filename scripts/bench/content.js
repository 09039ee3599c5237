'use strict';

// Generates content: the same bytes on every machine and in every run.

const { createCipheriv, createHash } = require('node:crypto');

/** Bytes that look random, depend on a seed alone and do not compress. */
class Keystream {
  #cipher;

  /** @param {string} seed */
  constructor(seed) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  }

  /** @param {number} length */
  bytes(length) {
    return this.#cipher.update(Buffer.alloc(length));
  }

  /**
   * Numbers below a limit.
   *
   * @param {number} count
   * @param {number} limit at most 65536
   */
  numbers(count, limit) {
    const bytes = this.bytes(2 * count);
    return Array.from({ length: count }, (_, i) =>
      Math.floor((bytes.readUInt16LE(2 * i) * limit) / 65536),
    );
  }
}

/**
 * About as many words as a program has names.
 *
 * @type {Buffer[]}
 */
const words = (() => {
  const stream = new Keystream('words');
  return Array.from({ length: 300 }, () => {
    const [length] = stream.numbers(1, 9);
    const letters = stream.numbers(2 + length, 26).map((n) => 97 + n);
    return Buffer.from([...letters, 32]);
  });
})();

/**
 * Text of words in which eight percent of the bytes are random. gzip -6 shrinks
 * it to less than half, slowly.
 *
 * @param {string} seed
 * @param {number} length
 */
function mixed(seed, length) {
  const stream = new Keystream(seed);
  const text = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    for (const n of stream.numbers(256, words.length)) {
      at += words[n].copy(text, at);
    }
  }
  for (let at = 0; at < length;) {
    const bytes = stream.bytes(256);
    for (const [i, gap] of stream.numbers(256, 25).entries()) {
      at += gap;
      if (at < length) text[at++] = bytes[i];
    }
  }
  return text;
}

exports.Keystream = Keystream;
exports.mixed = mixed;
