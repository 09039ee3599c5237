'use strict';

// azure-sdk-for-go#23533: the Azure CLI was called again and again, seconds each.

const assert = require('node:assert/strict');
const { tasks } = require('../e2e/world');
const { sharedFolder, startSignedIn, stubAzureCLI } = require('./identities');
const { assertUndisturbed, quickTest } = require('./world');

quickTest('F21_the_azure_cli_is_asked_once_in_a_run', async (t) => {
  const world = await startSignedIn(t);
  const a = world.machine('a', {});
  const az = stubAzureCLI(
    sharedFolder('az'),
    world.authority.token({ upn: 'anna@example.com' }),
    { seconds: 4 },
  );
  Object.assign(a.env, az.env);
  await assertUndisturbed(a, { line: null });
  assert.equal(await world.stored(), tasks.length);
  assert.equal(az.calls(), 1);

  const b = world.machine('b', az.env);
  await assertUndisturbed(b, { line: null, status: 'remote-cache-hit' });
  assert.equal(az.calls(), 2);
});
