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

/** A connection string of another account, as CI has them for other things. */
const foreign =
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
 * @type {Record<string, { sign: (fixture: Fixture, folder: string) => NodeJS.ProcessEnv, azure?: Record<string, unknown>, isQuick?: boolean }>}
 */
const cases = {
  a_secret: { sign: secret },
  a_workload_identity: { sign: workloadIdentity },
  the_azure_cli: { sign: azureCLI },
  the_azure_cli_beside_a_foreign_connection_string: {
    sign: (fixture, folder) => ({
      ...azureCLI(fixture, folder),
      AZURE_STORAGE_CONNECTION_STRING: foreign,
    }),
    azure: { credential: 'azure-cli' },
    isQuick: true,
  },
  the_azure_cli_by_variable: {
    sign: (fixture, folder) => ({
      ...secret(fixture),
      ...azureCLI(fixture, folder),
      NX_AZURE_CACHE_CREDENTIAL: 'azure-cli',
    }),
    azure: { credential: 'environment' },
  },
  the_chain_of_azidentity: {
    sign: (fixture) => ({
      ...secret(fixture),
      AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential',
    }),
    azure: { credential: 'default' },
  },
};

for (const [name, { sign, azure, isQuick }] of Object.entries(cases)) {
  const runTest = isQuick ? quickTest : fullTest;
  runTest(`F22_${name}_signs_in`, async (t) => {
    const fixture = await startSignedIn(t);
    const folder = sharedFolder('f22');
    const env = sign(fixture, folder);
    await assertUndisturbed(fixture.machine('a', env, azure), { line: null });
    assert.equal(await fixture.stored(), tasks.length);
    await assertUndisturbed(fixture.machine('b', env, azure), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}

quickTest('F22_a_refusal_of_entra_is_one_line', async (t) => {
  const fixture = await startSignedIn(t);
  fixture.authority.refusal = 'AADSTS7000215: Invalid client secret provided.';
  const machine = fixture.machine('a', secret(fixture));
  const lines = await assertUndisturbed(machine, {
    line: /sign-in .* failed: environment failed: AADSTS7000215: .*AZURE_CLIENT_SECRET is wrong/,
  });
  assert.ok(!lines.join().includes('hush-hush'));
});

fullTest('F22_a_refused_secret_does_not_hide_the_azure_cli', async (t) => {
  const fixture = await startSignedIn(t);
  fixture.authority.refusal = 'AADSTS7000215: Invalid client secret provided.';
  const folder = sharedFolder('f22');
  const env = { ...secret(fixture), ...azureCLI(fixture, folder) };
  await assertUndisturbed(fixture.machine('a', env), {
    line: /signed in with azure-cli \(anna@example\.com\), because environment failed: AADSTS7000215/,
  });
  assert.equal(await fixture.stored(), tasks.length);
});
