'use strict';

/** @import { CachedResult } from '../index' */

/**
 * Milliseconds for which a miss is remembered. Nx 22.7 and 23.0 look up each pending task in
 * each scheduling step, so a miss must outlast many steps. It must not last forever,
 * because another machine may store the result meanwhile. With 30 s, a run of ten minutes
 * sends 20 requests for a task, and finds another machine's result within half a minute.
 * Other versions of Nx look up each task once per run.
 */
const missLifetime = 30_000;

/** The most misses to remember, about 5 MB. Beyond it, the oldest are forgotten. */
const maxMisses = 50_000;

/**
 * A pending lookup.
 *
 * @typedef {object} Lookup
 * @property {string} cacheDirectory
 * @property {Promise<CachedResult | null | undefined>} response
 */

/**
 * Nx's lookups in a remote cache. Repeated calls send no message: a miss is remembered for
 * some time, and concurrent calls share a lookup. Hits are not remembered, because their
 * files may have been removed since. Errors are not either, because the server decides how
 * often it tries a broken storage.
 */
class Lookups {
  /** @type {Map<string, Lookup>} the latest lookup of each hash */
  #pending = new Map();
  /** @type {Map<string, number>} when each miss expires, by hash, oldest first */
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
   * Resolves to the response of `request`. If a miss is remembered, resolves to null without
   * calling `request`.
   *
   * @param {string} hash
   * @param {string} cacheDirectory where a hit is restored
   * @param {() => Promise<CachedResult | null | undefined>} request resolves to null
   *   for a miss, and to undefined if it could not find out
   * @returns {Promise<CachedResult | null>}
   */
  async retrieve(hash, cacheDirectory, request) {
    if (this.#isMiss(hash)) return null;
    const pending = this.#pending.get(hash);
    if (pending?.cacheDirectory === cacheDirectory) {
      return (await pending.response) ?? null;
    }
    const lookup = { cacheDirectory, response: request() };
    this.#pending.set(hash, lookup);
    // `forget` and later lookups make this one obsolete.
    const isCurrent = () => this.#pending.get(hash) === lookup;
    try {
      const response = await lookup.response;
      if (response === null && isCurrent()) this.#remember(hash);
      return response ?? null;
    } finally {
      if (isCurrent()) this.#pending.delete(hash);
    }
  }

  /**
   * Forgets a hash: its result is stored, or will be.
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
    this.#misses.delete(hash); // keeps the map in order of time
    this.#misses.set(hash, now + this.#lifetime);
    for (const [oldest, expires] of this.#misses) {
      if (now < expires && this.#misses.size <= this.#maxMisses) return;
      this.#misses.delete(oldest);
    }
  }
}

exports.Lookups = Lookups;
