'use strict';

const { Storage } = require('./servers');

/** @import { Stats } from './servers' */
/** @import { Sample } from './statistics' */
/** @import { Place } from './testbed' */

/**
 * Counts what goes to and from a storage while a task runs.
 *
 * @param {Place} place
 * @param {() => Promise<Sample>} task
 * @returns {Promise<[Sample, Partial<Sample>]>}
 */
async function counted(place, task) {
  if (!(place instanceof Storage)) return [await task(), {}];
  const before = await place.stats();
  const sample = await task();
  const after = await place.stats();
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
