'use strict';

const { codeOf, diagnostics } = require('./diagnostics');
const { notice } = require('./notices');
const { reasonOf } = require('./reason');

/** @import { StoredParams } from './client' */

/**
 * The results of a run that differ from their stored entries (azure.verify). A task that is
 * not reproducible must not hide an entry that someone planted, so the line about the first
 * counts the others.
 */
class Differences {
  /** @type {Set<string>} of those that this process knows */
  #hashes = new Set();
  #reported = 0;
  /** What is said about the first. */
  #first = '';

  /**
   * @param {StoredParams} params of a notification, or the problem in the server's state, which
   *   counts all of the run
   */
  add({ hash, reason, diagnostic, more }) {
    this.#hashes.add(hash);
    const inState = 1 + (Number.isSafeInteger(more) ? Number(more) : 0);
    const results = Math.max(this.#hashes.size, inState);
    if (results <= this.#reported) return;
    this.#reported = results;
    this.#first ||= reasonOf(reason);
    const code = codeOf({ diagnostic }) ?? diagnostics.entryDiffers;
    notice('differs', code, this.#first + others(results - 1), {
      rank: results,
    });
  }
}

/** @param {number} results */
function others(results) {
  if (results === 0) return '';
  if (results === 1)
    return '; 1 more result differs: npx nx-azure-cache explain';
  return `; ${results} more results differ: npx nx-azure-cache explain`;
}

exports.Differences = Differences;
