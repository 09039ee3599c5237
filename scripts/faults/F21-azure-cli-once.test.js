'use strict';

// azure-sdk-for-go#23533: a run called the Azure CLI repeatedly, and each call took seconds.

const assert = require('node:assert/strict');
const { tasks } = require('../kit/nx-runs');
const { quickTest } = require('../kit/tests');
const { stubAzureCLI } = require('../kit/azure-cli');
const { sharedFolder, startSignedIn } = require('./signed-in');
const { assertUndisturbed } = require('./undisturbed');

quickTest('F21_a_run_calls_the_Azure_CLI_once', async (t) => {
  const fixture = await startSignedIn(t);
  const a = fixture.machine('a', {});
  const az = stubAzureCLI(
    sharedFolder('az'),
    fixture.authority.token({ upn: 'anna@example.com' }),
    { seconds: 4 },
  );
  Object.assign(a.env, az.env);
  await assertUndisturbed(a, { line: null });
  assert.equal(await fixture.stored(), tasks.length);
  assert.equal(az.resources().length, 1);

  const b = fixture.machine('b', az.env);
  await assertUndisturbed(b, { line: null, status: 'remote-cache-hit' });
  assert.equal(az.resources().length, 2);
});
