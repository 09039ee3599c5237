'use strict';

// Shared by the tests of the end of a run.

const path = require('node:path');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * Stores some results at once.
 *
 * @param {Nx} nx
 * @param {number} results
 */
async function store({ open, cacheDirectory }, results) {
  const cache = await open();
  return Promise.all(
    Array.from({ length: results }, (_, i) =>
      cache.store(`h${i}`, cacheDirectory, 'text', 0),
    ),
  );
}

/** @param {Nx} nx */
async function retrieve({ open, cacheDirectory }) {
  return (await open()).retrieve('h', cacheDirectory);
}

/**
 * A server that never reports the outcome of a result.
 *
 * @param {FakeServer} server
 */
const silent = (server) => (server.reportsStored = false);

/**
 * The same, which as `drain` prints this result.
 *
 * @param {FakeServer} server
 * @param {Parameters<FakeServer['drained']>[0]} result
 */
function silentWith(server, result) {
  server.reportsStored = false;
  server.onDrain(() => server.drained(result));
}

/** @param {string} cacheDirectory */
const drainArguments = (cacheDirectory, limit = '60000ms') =>
  `--folder ${path.join(cacheDirectory, '.nx-azure-cache', '4711-fake')} --limit ${limit} --silence 30000ms --parent PPID`;

exports.drainArguments = drainArguments;
exports.retrieve = retrieve;
exports.silent = silent;
exports.silentWith = silentWith;
exports.store = store;
