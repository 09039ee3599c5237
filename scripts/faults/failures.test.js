'use strict';

// With NX_CACHE_FAILURES=true, Nx also hands over results of failed tasks. A flaky failure must
// not stay in the remote cache.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { runNx } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const { setBuild } = require('./workspace');

const args = ['run', 'words:build'];
const failures = { NX_CACHE_FAILURES: 'true' };

/** Fails if FLAKY is set, which is not an input of the task. */
const flaky = `
  fs.writeFileSync(path.join(dist, 'a.txt'), 'a');
  if (process.env.FLAKY) process.exit(1);
  fs.writeFileSync(path.join(dist, 'b.txt'), 'b');`;

for (const isAllowed of [false, true]) {
  const name = isAllowed ? 'are_replaced_if_allowed' : 'are_not_stored';
  fullTest(`failures_${name}`, async (t) => {
    const { container, machine: makeMachine } = await startFixture(t);
    const azure = isAllowed ? { cacheFailures: true } : {};
    const [a, b, c] = ['a', 'b', 'c'].map((name) =>
      makeMachine(name, { azure }),
    );
    for (const machine of [a, b, c]) setBuild(machine, flaky);
    const stored = async () =>
      (await listBlobs(shared().azurite, container)).length;

    await runNx(a, args, { env: { ...failures, FLAKY: '1' }, code: 1 });
    assert.equal(await stored(), isAllowed ? 1 : 0);
    await runNx(b, args); // without NX_CACHE_FAILURES, as on most machines
    assert.equal(b.lastRun()['words:build'].cacheStatus, 'cache-miss');
    assert.equal(await stored(), 1);
    await runNx(c, args, { env: failures });
    const { cacheStatus, code } = c.lastRun()['words:build'];
    assert.equal(cacheStatus, 'remote-cache-hit', 'the success');
    assert.equal(code, 0);
    assert.ok(fs.existsSync(path.join(c.workspace, 'dist/words/b.txt')));
  });
}
