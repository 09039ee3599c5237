'use strict';

// The test passes if this file compiles: `npx tsc --project tsconfig.json`.

/** @import { RemoteCacheV2 } from 'nx/src/tasks-runner/default-tasks-runner' */
/** @import { CachedResult as NxCachedResult } from 'nx/src/native' */
/** @import { CachedResult, RemoteCache } from '../index' */

const assert = require('node:assert/strict');
const { test } = require('node:test');
const declared = require('../index');

/**
 * Uses the module as Nx does.
 *
 * @type {() => Promise<RemoteCacheV2 | null>}
 */
const getRemoteCache = declared.getRemoteCache;

/** @type {(cache: RemoteCache) => RemoteCacheV2} */
const asCache = (cache) => cache;

/** @type {(hit: CachedResult) => NxCachedResult} */
const asHit = (hit) => hit;

/**
 * Nx passes no more arguments than these.
 *
 * @type {(...args: Parameters<RemoteCacheV2['store']>) => Parameters<RemoteCache['store']>}
 */
const asStoreArguments = (...args) => args;

/** @type {(...args: Parameters<RemoteCacheV2['retrieve']>) => Parameters<RemoteCache['retrieve']>} */
const asRetrieveArguments = (...args) => args;

/** @type {(cache: RemoteCache) => Promise<CachedResult | null>} */
const retrieves = (cache) => cache.retrieve('hash', '/cache');

test('the declared exports are the exports', () => {
  assert.deepEqual(Object.keys(declared), ['getRemoteCache']);
  assert.equal(getRemoteCache.length, 0, 'Nx calls it without arguments');
  void [asCache, asHit, asStoreArguments, asRetrieveArguments, retrieves];
});
