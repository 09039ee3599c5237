'use strict';

const { createHash } = require('node:crypto');

/**
 * A pseudo-random generator (sfc32). The same seed gives the same numbers on every platform
 * and version of Node.
 */
class Random {
  /** @type {Uint32Array} */
  #state;
  /** @type {string} */
  #seed;

  /** @param {string} seed */
  constructor(seed) {
    this.#seed = seed;
    const digest = createHash('sha256').update(seed).digest();
    this.#state = Uint32Array.from([0, 4, 8, 12], (i) =>
      digest.readUInt32LE(i),
    );
  }

  /**
   * Returns an independent generator for one part of a plan, so that a change to this part
   * does not change the others.
   *
   * @param {string | number} name
   */
  fork(name) {
    return new Random(`${this.#seed}/${name}`);
  }

  /** A number from 0 to below 1. */
  next() {
    const s = this.#state;
    const sum = (s[0] + s[1] + s[3]) >>> 0;
    s[3] += 1;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + sum;
    return sum / 2 ** 32;
  }

  /**
   * An integer.
   *
   * @param {number} min
   * @param {number} max inclusive
   */
  int(min, max) {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /**
   * An integer, distributed evenly on a logarithmic scale: half of them are below the
   * geometric mean of the bounds.
   *
   * @param {number} min at least 1
   * @param {number} max
   */
  magnitude(min, max) {
    return Math.round(min * (max / min) ** this.next());
  }

  /** @param {number} probability */
  chance(probability) {
    return this.next() < probability;
  }

  /**
   * @template T
   * @param {readonly T[]} values
   * @returns {T}
   */
  pick(values) {
    return values[this.int(0, values.length - 1)];
  }

  /**
   * One of the keys, with a probability in proportion to its value.
   *
   * @template {string} K
   * @param {Record<K, number>} weights
   * @returns {K}
   */
  weighted(weights) {
    const entries = /** @type {[K, number][]} */ (Object.entries(weights));
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.next() * total;
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return entries[entries.length - 1][0];
  }
}

exports.Random = Random;
