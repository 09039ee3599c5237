'use strict';

/** @import { CachedResult } from '../index' */

/**
 * Milliseconds for which a miss is remembered. Nx 22.7 and 23.0 ask for each
 * pending task at each scheduling step, so a miss must outlast many steps. It
 * must not last for ever: another machine may store the result meanwhile. A run
 * of ten minutes asks 20 times, and a result of another machine is found after at
 * most half a minute. Other versions of Nx ask once per run.
 */
const missLifetime = 30_000;

/** Misses that are remembered: some 5 MB. Of more the oldest are forgotten. */
const maxMisses = 50_000;

/**
 * A lookup that is on its way.
 *
 * @typedef {object} Lookup
 * @property {string} cacheDirectory
 * @property {Promise<CachedResult | null | undefined>} answer
 */

/**
 * What Nx looks up in a remote cache. Repeated calls cost no message and no
 * request: a miss is remembered for some time, and concurrent calls share a
 * lookup. A hit is not remembered, as its files may have been removed since.
 * Errors are not either: the server decides how often it asks a broken storage.
 */
class Lookups {
  /** @type {Map<string, Lookup>} the last one of each hash */
  #pending = new Map();
  /** @type {Map<string, number>} when they expire, by hash; the oldest is first */
  #misses = new Map();
  #now;
  #lifetime;
  #maxMisses;

  /**
   * @param {{ now?: () => number, lifetime?: number, maxMisses?: number }} [options]
   *   `now` is a monotonic clock, in milliseconds
   */
  constructor(options = {}) {
    this.#now = options.now ?? (() => performance.now());
    this.#lifetime = options.lifetime ?? missLifetime;
    this.#maxMisses = options.maxMisses ?? maxMisses;
  }

  /**
   * Resolves to what `ask` resolves to, or to null without asking where that is
   * known.
   *
   * @param {string} hash
   * @param {string} cacheDirectory in which a hit is restored
   * @param {() => Promise<CachedResult | null | undefined>} ask resolves to null
   *   for a miss, and to undefined where it could not find out
   * @returns {Promise<CachedResult | null>}
   */
  async retrieve(hash, cacheDirectory, ask) {
    if (this.#isMiss(hash)) return null;
    const pending = this.#pending.get(hash);
    if (pending?.cacheDirectory === cacheDirectory) {
      return (await pending.answer) ?? null;
    }
    const lookup = { cacheDirectory, answer: ask() };
    this.#pending.set(hash, lookup);
    // After `forget`, or after a later lookup, this one is out of date.
    const isCurrent = () => this.#pending.get(hash) === lookup;
    try {
      const answer = await lookup.answer;
      if (answer === null && isCurrent()) this.#remember(hash);
      return answer ?? null;
    } finally {
      if (isCurrent()) this.#pending.delete(hash);
    }
  }

  /**
   * Forgets what is known of a hash: its result is stored, or is going to be.
   *
   * @param {string} hash
   */
  forget(hash) {
    this.#misses.delete(hash);
    this.#pending.delete(hash);
  }

  /** @param {string} hash */
  #isMiss(hash) {
    const expires = this.#misses.get(hash);
    return expires !== undefined && this.#now() < expires;
  }

  /** @param {string} hash */
  #remember(hash) {
    const now = this.#now();
    this.#misses.delete(hash); // the order is that of time
    this.#misses.set(hash, now + this.#lifetime);
    for (const [oldest, expires] of this.#misses) {
      if (now < expires && this.#misses.size <= this.#maxMisses) return;
      this.#misses.delete(oldest);
    }
  }
}

exports.Lookups = Lookups;
