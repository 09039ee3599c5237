'use strict';

// rushstack#3270: builds failed outside the VPN. cache/azure/refusal_test.go tests all error
// codes; this file tests how a run handles them.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { respondWith, on } = require('../kit/http-faults');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

/** @param {string} code */
const headersFor = (code) => ({
  'x-ms-request-id': '1',
  'x-ms-error-code': code,
});

quickTest('F24_network_rules_block_a_machine', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = respondWith(403, headersFor('AuthorizationFailure'));
  const a = machine('a');
  await assertUndisturbed(a, {
    line: /refused to get \(403 AuthorizationFailure\): the network rules of the account devstoreaccount1 block this machine: .*`az storage account network-rule add --account-name devstoreaccount1 /,
  });
  assert.deepEqual([...new Set(recorder.take())].sort(), [
    'GET 403',
    'PUT 403',
  ]);
  // Nx's local cache still works.
  await assertUndisturbed(a, { line: null, status: 'local-cache-hit' });
});

/** @type {Record<string, { status: number, code: string, line: RegExp }>} */
const cases = {
  F24_401: {
    status: 401,
    code: 'InvalidAuthenticationInfo',
    line: /refused to get \(401 InvalidAuthenticationInfo\): the AccountKey in AZURE_STORAGE_CONNECTION_STRING is not a key of the account devstoreaccount1, /,
  },
  F24_403_without_a_code: {
    status: 403,
    code: '',
    line: /refused to get \(403\): check the data role of the account key on the container, and the network rules/,
  },
  F24_409_of_a_public_container: {
    status: 409,
    code: 'PublicAccessNotPermitted',
    line: /the account devstoreaccount1 does not allow anonymous reads/,
  },
};

for (const [name, { status, code, line }] of Object.entries(cases)) {
  fullTest(name, async (t) => {
    const { machine, recorder } = await startFixture(t);
    recorder.fault = respondWith(status, headersFor(code));
    const a = machine('a');
    await assertUndisturbed(a, { line });
    await assertUndisturbed(a, { line: null, status: 'local-cache-hit' });
  });
}

fullTest('F24_write_permission_revoked_during_a_run', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = on(
    'PUT',
    respondWith(403, headersFor('AuthorizationPermissionMismatch')),
  );
  await assertUndisturbed(machine('a'), {
    line: /refused to put \(403 AuthorizationPermissionMismatch\): the account key lacks /,
  });
});
