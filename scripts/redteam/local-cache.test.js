'use strict';

// A pull request fills Nx's local cache, which a later run on the same runner finds, or which
// a cache action restores. Nx uses that result in any case; the remote cache must not spread
// it.

const assert = require('node:assert/strict');
const { redTest } = require('./attacks');
const { poisoned, startFixture } = require('./fixture');
const { developer, pullRequest, push } = require('./runs');
const { patchTool, task } = require('./workspace');

/** @import { Run } from './runs' */

/** @type {Record<string, { run: Run, scopes: string[] }>} */
const victims = {
  main: { run: push('main'), scopes: [] },
  a_pull_request: { run: pullRequest(8), scopes: [] },
  // Where backfilling is allowed, only developers read the result.
  a_developer: { run: developer, scopes: ['local'] },
};

for (const [name, { run, scopes }] of Object.entries(victims)) {
  redTest(`F31_a_poisoned_local_cache_of_${name}`, async (t) => {
    const fixture = await startFixture(t, {});
    const azure = { backfill: true };
    const machine = fixture.machine('victim', run, { azure });
    patchTool(machine);
    await machine.nx(['run', task], {
      env: { NX_SKIP_REMOTE_CACHE: 'true' },
    });
    assert.deepEqual(await fixture.scopes(), []);
    const { content, status } = await fixture.build(machine);
    assert.equal(status, 'local-cache-hit');
    assert.equal(content, poisoned);
    assert.deepEqual(await fixture.scopes(), scopes);
  });
}
