'use strict';

// sccache#1118: accounts without shared keys were unusable. Entra ID must work without a
// key, and no credential may hide another. Each source has its own test in
// cache/azure/signin/sources_test.go.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { stubAzureCLI } = require('../kit/azure-cli');
const { sharedFolder, startSignedIn } = require('./signed-in');
const { assertUndisturbed } = require('./undisturbed');

/** @typedef {Awaited<ReturnType<typeof startSignedIn>>} Fixture */

/** The connection string of an unrelated account, which CI may have set for another purpose. */
const otherAccount =
  'DefaultEndpointsProtocol=https;AccountName=another;AccountKey=bm90aGluZw==;EndpointSuffix=core.windows.net';

/** @param {Fixture} fixture */
const secret = ({ authority }) => ({
  ...authority.anApp(),
  AZURE_CLIENT_SECRET: 'hush-hush',
});

/** @param {Fixture} fixture @param {string} folder */
function workloadIdentity({ authority }, folder) {
  const file = path.join(folder, 'token');
  fs.writeFileSync(file, 'an-assertion');
  return { ...authority.anApp(), AZURE_FEDERATED_TOKEN_FILE: file };
}

/** @param {Fixture} fixture @param {string} folder */
const azureCLI = ({ authority }, folder) =>
  stubAzureCLI(folder, authority.token({ upn: 'anna@example.com' })).env;

/**
 * @type {Record<string, { signIn: (fixture: Fixture, folder: string) => NodeJS.ProcessEnv, azure?: Record<string, unknown>, isQuick?: boolean }>}
 */
const cases = {
  a_secret: { signIn: secret },
  a_workload_identity: { signIn: workloadIdentity },
  the_Azure_CLI: { signIn: azureCLI },
  the_Azure_CLI_despite_an_unrelated_connection_string: {
    signIn: (fixture, folder) => ({
      ...azureCLI(fixture, folder),
      AZURE_STORAGE_CONNECTION_STRING: otherAccount,
    }),
    azure: { credential: 'azure-cli' },
    isQuick: true,
  },
  the_Azure_CLI_chosen_by_a_variable: {
    signIn: (fixture, folder) => ({
      ...secret(fixture),
      ...azureCLI(fixture, folder),
      NX_AZURE_CACHE_CREDENTIAL: 'azure-cli',
    }),
    azure: { credential: 'environment' },
  },
  the_chain_of_azidentity: {
    signIn: (fixture) => ({
      ...secret(fixture),
      AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential',
    }),
    azure: { credential: 'default' },
  },
};

for (const [name, { signIn, azure, isQuick }] of Object.entries(cases)) {
  const runTest = isQuick ? quickTest : fullTest;
  runTest(`F22_${name}_signs_in`, async (t) => {
    const fixture = await startSignedIn(t);
    const folder = sharedFolder('f22');
    const env = signIn(fixture, folder);
    await assertUndisturbed(fixture.machine('a', env, azure), { line: null });
    assert.equal(await fixture.stored(), tasks.length);
    await assertUndisturbed(fixture.machine('b', env, azure), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}

quickTest('F22_an_error_of_Entra_ID_is_one_line', async (t) => {
  const fixture = await startSignedIn(t);
  fixture.authority.refusal = 'AADSTS7000215: Invalid client secret provided.';
  const machine = fixture.machine('a', secret(fixture));
  const lines = await assertUndisturbed(machine, {
    line: /sign-in .* failed: environment failed: AADSTS7000215: .*AZURE_CLIENT_SECRET is wrong/,
  });
  assert.ok(!lines.join().includes('hush-hush'));
});

fullTest('F22_a_rejected_secret_does_not_hide_the_Azure_CLI', async (t) => {
  const fixture = await startSignedIn(t);
  fixture.authority.refusal = 'AADSTS7000215: Invalid client secret provided.';
  const folder = sharedFolder('f22');
  const env = { ...secret(fixture), ...azureCLI(fixture, folder) };
  await assertUndisturbed(fixture.machine('a', env), {
    line: /signed in with azure-cli \(anna@example\.com\), because environment failed: AADSTS7000215/,
  });
  assert.equal(await fixture.stored(), tasks.length);
});
