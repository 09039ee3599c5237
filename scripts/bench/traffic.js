'use strict';

const { Storage } = require('./servers');

/** @import { Stats } from './servers' */
/** @import { Sample } from './statistics' */
/** @import { AnyStorage } from './testbed' */

/**
 * Counts the requests and bytes of a storage while a task runs.
 *
 * @param {AnyStorage} storage
 * @param {() => Promise<Sample>} task
 * @returns {Promise<[Sample, Partial<Sample>]>}
 */
async function counted(storage, task) {
  if (!(storage instanceof Storage)) return [await task(), {}];
  const before = await storage.stats();
  const sample = await task();
  const after = await storage.stats();
  return [sample, difference(before, after)];
}

/**
 * @param {Stats} before
 * @param {Stats} after
 */
function difference(before, after) {
  const requests = (/** @type {Stats} */ stats) =>
    stats.gets + stats.puts + stats.heads + stats.others;
  return {
    sent: after.bytesIn - before.bytesIn,
    received: after.bytesOut - before.bytesOut,
    requests: requests(after) - requests(before),
    stored: after.bytesStored - before.bytesStored,
    blobs: after.blobs - before.blobs,
  };
}

exports.counted = counted;
