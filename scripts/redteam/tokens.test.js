'use strict';

// A pull request names another server, or the server asks for more than it should get.

const assert = require('node:assert/strict');
const path = require('node:path');
const { after } = require('node:test');
const { cleanUp } = require('../kit/cleanup');
const { stubAzureCLI } = require('../kit/azure-cli');
const { createCertificate } = require('../kit/certificate');
const { sharedAccessSignature } = require('../kit/azurite');
const { startConnectProxy } = require('../kit/connect-proxy');
const { shared } = require('../kit/shared');
const { challenge, redirect, startAttacker } = require('./attacker');
const { assertHonest, redTest } = require('./attacks');
const { startFixture } = require('./fixture');
const { developer } = require('./runs');
const { runCommand } = require('./workspace');

/** @import { TestContext } from 'node:test' */

after(cleanUp);

const host = 'attacker.example';
const storage = 'https://storage.azure.com';

/**
 * A developer who is signed in with the Azure CLI, and has checked out a pull request
 * whose nx.json names an endpoint.
 *
 * @param {TestContext} t
 * @param {string} endpoint
 * @param {string} ca path
 * @param {NodeJS.ProcessEnv} [env]
 */
async function startVictim(t, endpoint, ca, env = {}) {
  const fixture = await startFixture(t, {});
  const folder = path.join(shared().folder, fixture.container);
  const azureCLI = stubAzureCLI(folder, 'token-of-$resource');
  const machine = fixture.machine('victim', developer, {
    azure: { endpoint, credential: 'azure-cli' },
    env: {
      AZURE_STORAGE_CONNECTION_STRING: '',
      SSL_CERT_FILE: ca,
      ...azureCLI.env,
      ...env,
    },
  });
  return { fixture, machine, azureCLI };
}

redTest('foreign_challenge', async (t) => {
  const resource = 'https://management.azure.com';
  const certificate = await createCertificate();
  const attacker = await startAttacker(t, challenge(resource), certificate);
  const { fixture, machine, azureCLI } = await startVictim(
    t,
    `${attacker.url}/account`,
    certificate.cert,
  );
  const line = `is not Azure Storage: it requested a token for another service ("${resource}/.default"), got none`;

  /** Asserts that the server received the token that Azure's would, and nothing after it. */
  const assertRefused = (/** @type {number} */ limit) => {
    const got = attacker
      .take()
      .filter(({ headers }) => headers.authorization !== undefined);
    assert.ok(got.length >= 1 && got.length <= limit, JSON.stringify(got));
    for (const { headers } of got) {
      assert.equal(headers.authorization, `Bearer token-of-${storage}`);
    }
    assert.deepEqual([...new Set(azureCLI.resources())], [storage]);
  };

  // The run reads two scopes at once, and stores nothing.
  const outcome = await fixture.build(machine);
  assertRefused(2);
  assertHonest(outcome, /is not Azure Storage/);
  for (const args of [['ls'], ['doctor']]) {
    const { code, output } = await runCommand(machine, args);
    assert.equal(code, 1, output);
    assert.ok(output.includes(line), output);
    assertRefused(1);
  }
});

redTest('foreign_endpoint', async (t) => {
  const certificate = await createCertificate(undefined, [host]);
  const attacker = await startAttacker(
    t,
    (_, response) => response.writeHead(404).end(),
    certificate,
  );
  const proxy = await startConnectProxy(t, { [host]: attacker.port });
  const { fixture, machine, azureCLI } = await startVictim(
    t,
    `https://${host}`,
    certificate.cert,
    { HTTPS_PROXY: proxy.urlWithPassword },
  );
  const line =
    /the endpoint's host attacker\.example does not belong to Azure Storage, .* set the environment variable NX_AZURE_CACHE_TRUSTED_HOSTS=attacker\.example/;

  const outcome = await fixture.build(machine);
  assert.deepEqual(attacker.requests, []);
  assertHonest(outcome, line);
  for (const args of [
    ['ls'],
    ['doctor'],
    ['ls', '--endpoint', `https://${host}`],
  ]) {
    const { code, output } = await runCommand(machine, args);
    assert.equal(code, 1, output);
    assert.match(output, line);
  }
  assert.deepEqual(attacker.requests, []);
  assert.deepEqual(proxy.asked(), []);
  assert.deepEqual(azureCLI.resources(), []);

  // A developer who trusts the host sets the variable outside the repository.
  await runCommand(machine, ['ls'], { NX_AZURE_CACHE_TRUSTED_HOSTS: host });
  const [{ headers }] = attacker.take();
  assert.equal(headers.authorization, `Bearer token-of-${storage}`);
  const { output } = await runCommand(machine, ['doctor'], {
    NX_AZURE_CACHE_TRUSTED_HOSTS: host,
  });
  assert.match(
    output,
    /attacker\.example, trusted by NX_AZURE_CACHE_TRUSTED_HOSTS/,
  );
});

const notFollowed = (/** @type {number} */ status) =>
  new RegExp(
    `responded with a redirect \\(${status}\\) to http://127\\.0\\.0\\.1:\\d+, which is not followed`,
  );

redTest('redirect_clear_text', async (t) => {
  const certificate = await createCertificate();
  const tapped = await startAttacker(t, (_, response) => response.end());
  const server = await startAttacker(
    t,
    redirect(307, () => tapped.url),
    certificate,
  );
  const { fixture, machine } = await startVictim(
    t,
    `${server.url}/account`,
    certificate.cert,
  );
  const outcome = await fixture.build(machine);
  assert.ok(server.requests.length > 0);
  assert.deepEqual(tapped.requests, []);
  assertHonest(outcome, notFollowed(307));
});

redTest(
  'redirect_referer',
  async (t) => {
    const attacker = await startAttacker(t, (_, response) => response.end());
    const server = await startAttacker(
      t,
      redirect(302, () => attacker.url),
    );
    const fixture = await startFixture(t, {});
    const sas = sharedAccessSignature(fixture.container, 'rc');
    const machine = fixture.machine('victim', developer, {
      env: {
        AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${server.url}/account;SharedAccessSignature=${sas}`,
      },
    });
    const outcome = await fixture.build(machine);
    assert.ok(server.requests.length > 0);
    assert.deepEqual(attacker.requests, []);
    assertHonest(outcome, notFollowed(302));
  },
  { isFull: true },
);
