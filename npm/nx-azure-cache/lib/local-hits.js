'use strict';

/** @import { NxLocalHit } from './tasks' */

/** The most hits to remember: as many as a server handles. */
const maxHits = 20_000;

/**
 * The results that Nx has found in its local cache. Nx passes them neither to `retrieve` nor
 * to `store`, so the remote cache may lack them: those of builds from before it worked.
 */
class LocalHits {
  /** @type {Map<string, NxLocalHit>} by hash */
  #hits = new Map();
  /** @type {Set<string>} hashes that this run has retrieved or stored */
  #handled = new Set();

  get count() {
    return this.#hits.size;
  }

  /** @param {NxLocalHit} hit */
  add(hit) {
    if (this.#handled.has(hit.hash) || this.#hits.size === maxHits) return;
    this.#hits.set(hit.hash, hit);
  }

  /**
   * This run retrieves or stores a result, so that a later local hit is no news.
   *
   * @param {string} hash
   */
  skip(hash) {
    this.#handled.add(hash);
  }

  /** @returns {Map<string, NxLocalHit[]>} by cache directory */
  byDirectory() {
    const all = new Map();
    for (const hit of this.#hits.values()) {
      const others = all.get(hit.cacheDirectory);
      if (others) others.push(hit);
      else all.set(hit.cacheDirectory, [hit]);
    }
    return all;
  }
}

exports.LocalHits = LocalHits;
