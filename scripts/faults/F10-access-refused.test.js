'use strict';

// nx#29228, #28776, #29734: CI cached nothing, and no message said why.

const assert = require('node:assert/strict');
const { sharedAccessSignature } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { respondWith } = require('../kit/http-faults');
const { quickTest } = require('../kit/tests');
const { stubAzureCLI } = require('../kit/azure-cli');
const { pushToMain, sharedFolder, startSignedIn } = require('./signed-in');
const { assertUndisturbed } = require('./undisturbed');

const app = '99999999-8888-7777-6666-555555555555';

quickTest('F10_a_role_without_data_permissions', async (t) => {
  const { authority, container, machine, recorder } = await startSignedIn(t);
  recorder.fault = respondWith(403, {
    'x-ms-request-id': '1',
    'x-ms-error-code': 'AuthorizationPermissionMismatch',
  });
  const env = pushToMain(authority);
  const [line] = await assertUndisturbed(machine('a', env));
  for (const text of [
    `/devstoreaccount1/${container} refused to`,
    `app ${app} (object 0b1ec7) lacks a data role that can read blobs in the container "${container}"`,
    'az role assignment create --role "Storage Blob Data Contributor" --assignee 0b1ec7',
    'az storage account show --name devstoreaccount1',
  ]) {
    assert.ok(line.includes(text), `${text} is not in: ${line}`);
  }
});

quickTest('F10_a_container_that_does_not_exist', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { azure: { container: 'not-there' }, env: onMain });
  await assertUndisturbed(a, {
    line: /container "not-there" does not exist .*az storage container create --account-name devstoreaccount1 --name not-there /,
  });
});

quickTest('F10_an_expired_token', async (t) => {
  const { authority, machine, recorder } = await startSignedIn(t);
  // Azure's response; Azurite's has no detail.
  const detail = 'Lifetime validation failed. The token is expired.';
  recorder.fault = respondWith(
    401,
    {
      'content-type': 'application/xml',
      'x-ms-request-id': '1',
      'x-ms-error-code': 'InvalidAuthenticationInfo',
    },
    `<Error><AuthenticationErrorDetail>${detail}</AuthenticationErrorDetail></Error>`,
  );
  const az = stubAzureCLI(
    sharedFolder('f10'),
    authority.token({ upn: 'anna@example.com' }),
  );
  await assertUndisturbed(machine('a', { ...onMain, ...az.env }), {
    line: /401 InvalidAuthenticationInfo.* the token of anna@example\.com has expired: sign in again \(az login\)/,
  });
});

quickTest('F10_an_expired_SAS', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  const sas = sharedAccessSignature(
    container,
    'rc',
    new Date(Date.now() - 3 * 86400_000),
  );
  const env = {
    ...onMain,
    AZURE_STORAGE_CONNECTION_STRING: '',
    NX_AZURE_CACHE_SAS_URL: `${recorder.endpoint}/${container}?${sas}`,
  };
  const [line] = await assertUndisturbed(machine('a', { env }), {
    line: /the SAS expired at .* \(se\), 3 days ago: create another with `az storage container generate-sas --account-name devstoreaccount1 --name test-/,
  });
  const [, signature] = /sig=([^&]+)/.exec(sas) ?? [];
  assert.ok(signature && !line.includes(signature));
});

quickTest('F10_no_credential', async (t) => {
  const { container, machine } = await startSignedIn(t);
  await assertUndisturbed(machine('a', onMain), {
    line: new RegExp(
      `no credential was found for \\S+/devstoreaccount1/${container} \\(not set up: .*\\): sign in \\(az login\\), give this run an identity`,
    ),
  });
});
