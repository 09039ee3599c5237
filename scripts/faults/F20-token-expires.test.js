'use strict';

// Azure/login#180, #372: sign-in worked at first and failed minutes later, because the
// assertion of the CI job had expired.

const assert = require('node:assert/strict');
const { tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { pushToMain, startSignedIn } = require('./signed-in');
const { assertUndisturbed } = require('./undisturbed');

/** How many seconds tokens are valid, and how many each task takes. */
const jobs = [
  { name: 'a_job', runTest: quickTest, life: 2, taskTime: 3 },
  { name: 'a_run_of_half_a_minute', runTest: fullTest, life: 5, taskTime: 15 },
];

for (const { name, runTest, life, taskTime } of jobs) {
  runTest(`F20_${name}_outlives_its_assertions`, async (t) => {
    const fixture = await startSignedIn(t);
    const { authority } = fixture;
    authority.life = life;
    const env = {
      ...pushToMain(authority),
      BUILD_TIME: String(taskTime * 1000),
    };
    await assertUndisturbed(fixture.machine('a', env), { line: null });
    assert.equal(await fixture.stored(), tasks.length);
    const assertions = authority.requests.map((form) => form.client_assertion);
    assert.ok(assertions.length > 1, `${assertions.length} tokens`);
    assert.equal(
      new Set(assertions).size,
      assertions.length,
      'each token request had an assertion of its own',
    );
    await assertUndisturbed(fixture.machine('b', env), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}
