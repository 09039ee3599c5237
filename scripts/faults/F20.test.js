'use strict';

// Azure/login#180, #372: sign-in died minutes after it worked, because the
// assertion of the job had expired.

const assert = require('node:assert/strict');
const { tasks } = require('../e2e/world');
const { pushToMain, startSignedIn } = require('./identities');
const { assertUndisturbed, fullTest, quickTest } = require('./world');

/** Seconds that tokens live, and that each of the tasks takes. */
const jobs = [
  { name: 'a_job', runTest: quickTest, life: 2, taskTime: 3 },
  { name: 'a_run_of_half_a_minute', runTest: fullTest, life: 5, taskTime: 15 },
];

for (const { name, runTest, life, taskTime } of jobs) {
  runTest(`F20_${name}_outlives_its_assertions`, async (t) => {
    const world = await startSignedIn(t);
    const { authority } = world;
    authority.life = life;
    const env = {
      ...pushToMain(authority),
      BUILD_TIME: String(taskTime * 1000),
    };
    await assertUndisturbed(world.machine('a', env), { line: null });
    assert.equal(await world.stored(), tasks.length);
    const assertions = authority.requests.map((form) => form.client_assertion);
    assert.ok(assertions.length > 1, `${assertions.length} tokens`);
    assert.equal(
      new Set(assertions).size,
      assertions.length,
      'each token was asked for with an assertion of its own',
    );
    await assertUndisturbed(world.machine('b', env), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}
