'use strict';

// Which runs wait until the server has stored their record, and what they say if it has not.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { assertOneLine, drains, runAsNx } = require('./fixture');
const { drainArguments } = require('./drain-fixture');
const { run, server } = require('./hand-over-fixture');

describe("a run's record", { concurrency: 3 }, () => {
  const noSummary = { CI: 'true', NX_AZURE_CACHE_SUMMARY: '0' };
  for (const [where, env, recordAwaited, limit] of /** @type {const} */ ([
    ["on a developer's machine", {}, undefined, undefined],
    ['with a summary', { NX_AZURE_CACHE_SUMMARY: '1' }, undefined, '1000ms'],
    ['in CI', { CI: 'true' }, true, '60000ms'],
    ['in CI without a summary', noSummary, true, '60000ms'],
    ['in CI with azure.records "none"', { CI: 'true' }, undefined, '1000ms'],
    ['in CI with neither', noSummary, undefined, undefined],
    ['by a server that says yes', noSummary, 'yes', undefined],
  ])) {
    test(`is waited for ${where}: ${limit ?? 'not'}`, async (t) => {
      const { binary } = server(t, { records: true, recordAwaited });
      const { cacheDirectory } = await runAsNx(
        t,
        async ({ getRemoteCache, packageFolder, cacheDirectory }) => {
          const { createRequire } = require('node:module');
          const { DbCache } = createRequire(`${packageFolder}/`)(
            'nx/src/tasks-runner/cache',
          );
          const cache = Object.create(DbCache.prototype);
          cache.cache = { cacheDirectory, get: () => null };
          cache.getRemoteCache = getRemoteCache;
          await cache.init();
          await cache.get({ id: 'a', hash: '1', cache: true });
        },
        { binary, env, exit: 0 },
      );
      assert.deepEqual(
        drains(binary),
        limit ? [drainArguments(cacheDirectory, limit)] : [],
      );
    });
  }

  for (const [drained, says] of /** @type {const} */ ([
    [{}, undefined],
    [{ recordProblem: 'the\nstorage is full' }, /: the; storage is full$/],
    [{ ended: 'interrupted', recordProblem: 'unfinished' }, undefined],
    [{ recordProblem: 5 }, undefined],
    [
      {
        recordProblem: 'the storage is off',
        problems: [{ hash: 'h', outcome: 'failed', code: 1, reason: 'broken' }],
      },
      /: broken$/,
    ],
  ])) {
    test(`is not stored: ${JSON.stringify(drained)}`, async (t) => {
      const { binary } = server(
        t,
        { records: true, recordAwaited: true },
        drained,
      );
      const env = noSummary;
      const { lines, codes } = await runAsNx(t, run, { binary, env, exit: 0 });
      if (says) assertOneLine(lines, says);
      else assert.deepEqual(lines, []);
      const isRecord = says && !('problems' in drained);
      assert.equal(codes.includes('NXAC103'), Boolean(isRecord));
    });
  }
});
