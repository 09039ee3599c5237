'use strict';

// nx#32234: the cache ignored a company's CA.

const assert = require('node:assert/strict');
const { cloudHosts } = require('../kit/certificate');
const { assertStatus, build, runNx, tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { startConnectProxy } = require('../kit/connect-proxy');
const { pushToMain, startSignedIn } = require('./signed-in');
const { assertUndisturbed } = require('./undisturbed');

/** @typedef {Awaited<ReturnType<typeof startSignedIn>>} Fixture */

/** The variables of a run with an account key and no CA. @param {Fixture} fixture */
const withKey = ({ recorder }) => ({
  AZURE_STORAGE_CONNECTION_STRING: recorder.connectionString,
  SSL_CERT_FILE: '',
});

for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE']) {
  fullTest(`F19_${variable}_is_honoured`, async (t) => {
    const fixture = await startSignedIn(t);
    const env = { ...withKey(fixture), [variable]: fixture.certificate.cert };
    await assertUndisturbed(fixture.machine('a', env), { line: null });
    await assertUndisturbed(fixture.machine('b', env), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}

quickTest('F19_an_unknown_CA', async (t) => {
  const fixture = await startSignedIn(t);
  await assertUndisturbed(fixture.machine('a', withKey(fixture)), {
    line: /TLS with 127\.0\.0\.1:\d+: its certificate is issued by "Acme Co", which this machine does not trust: .*set NODE_EXTRA_CA_CERTS \(or SSL_CERT_FILE\)/,
  });
});

/**
 * Puts a proxy in front of all hosts that a job of GitHub Actions needs. As if the proxy
 * inspected TLS, their certificates come from a private CA.
 *
 * @param {import('node:test').TestContext} t
 */
async function behindAProxy(t) {
  const fixture = await startSignedIn(t);
  const { authority, certificate, recorder } = fixture;
  const { storage, authority: login, github } = cloudHosts;
  const proxy = await startConnectProxy(t, {
    [storage]: recorder.port,
    [login]: authority.port,
    [github]: authority.port,
  });
  const env = {
    ...pushToMain(authority),
    AZURE_AUTHORITY_HOST: `https://${login}/`,
    ACTIONS_ID_TOKEN_REQUEST_URL: `https://${github}/github?api-version=1`,
    HTTPS_PROXY: proxy.urlWithPassword,
    NODE_EXTRA_CA_CERTS: certificate.cert,
    SSL_CERT_FILE: '',
  };
  // As in Azure, only the name of the account is set.
  const azure = { endpoint: undefined, accountName: 'devstoreaccount1' };
  return {
    ...fixture,
    proxy,
    machine: (
      /** @type {string} */ name,
      /** @type {NodeJS.ProcessEnv} */ more = {},
    ) => fixture.machine(name, { ...env, ...more }, azure),
  };
}

quickTest('F19_everything_goes_through_a_proxy_with_a_password', async (t) => {
  const { machine, proxy, stored } = await behindAProxy(t);
  const options = { moreSecrets: proxy.secrets };
  assert.deepEqual(await runNx(machine('a'), build, options), []);
  assert.equal(await stored(), tasks.length);
  const b = machine('b');
  assert.deepEqual(await runNx(b, build, options), []);
  assertStatus(b, 'remote-cache-hit');
  assert.deepEqual(
    proxy.asked(),
    Object.values(cloudHosts)
      .map((host) => `${host}:443`)
      .sort(),
  );
});

fullTest('F19_a_proxy_that_refuses_the_password', async (t) => {
  const { machine, proxy } = await behindAProxy(t);
  const wrong = proxy.url.replace('//', '//anna:secret-and-wrong@');
  const [line] = await assertUndisturbed(machine('a', { HTTPS_PROXY: wrong }), {
    line: /the proxy http:\/\/127\.0\.0\.1:\d+ \(HTTPS_PROXY\) rejected the user or password in HTTPS_PROXY \(407\)/,
  });
  assert.ok(!line.includes('secret-and-wrong'));
  assert.deepEqual(proxy.asked(), ['refused']);
});
