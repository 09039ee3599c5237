'use strict';

const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const { after } = require('node:test');
const { startAuthority } = require('../kit/authority');
const { startAzurite } = require('../kit/azurite');
const { cleanUp } = require('../kit/cleanup');
const { createCertificate } = require('../kit/certificate');
const { startFixture } = require('../kit/fixture');
const { startFaultProxy } = require('../kit/fault-proxy');
const { shared } = require('../kit/shared');

/** @import { TestContext } from 'node:test' */
/** @import { IncomingMessage } from 'node:http' */

after(cleanUp);

/** @type {Promise<Awaited<ReturnType<typeof startCloud>>> | undefined} */
let cloud;

/**
 * Creates a folder in which no test looks for leftovers. It is removed with the other files that
 * all tests share.
 *
 * @param {string} name
 */
function sharedFolder(name) {
  return fs.mkdtempSync(path.join(shared().folder, `${name}-`));
}

/** Starts an Azurite that accepts tokens, and the authority that issues them. */
async function startCloud() {
  const certificate = await createCertificate(sharedFolder('certificate'));
  const [azurite, authority] = await Promise.all([
    startAzurite({ certificate }),
    startAuthority(certificate),
  ]);
  return { certificate, azurite, authority };
}

/**
 * Starts a fixture whose machines have no connection string. They sign in to an Azurite with TLS,
 * through a fault proxy with TLS. All tests of a file share the Azurite and the authority.
 *
 * @param {TestContext} t
 */
async function startSignedIn(t) {
  cloud ??= startCloud();
  const { certificate, azurite, authority } = await cloud;
  authority.life = 3600;
  authority.refusal = '';
  authority.requests.length = 0;
  authority.assertions = 0;
  const fixture = await startFixture(t);
  const recorder = await startFaultProxy(azurite.connectionString, certificate);
  t.after(() => recorder.stop());
  const container = `signed-in-${randomUUID()}`;
  const sendToContainer = (
    /** @type {string} */ method,
    /** @type {string} */ query,
  ) =>
    send(
      certificate.cert,
      method,
      `${azurite.endpoint}/${container}?${query}`,
      {
        authorization: `Bearer ${authority.token({})}`,
        'x-ms-version': '2024-11-04',
        'content-length': '0',
      },
    );
  await sendToContainer('PUT', 'restype=container');
  return {
    authority,
    certificate,
    container,
    /** The fault proxy in front of Azurite. */
    recorder,

    /**
     * @param {string} name
     * @param {NodeJS.ProcessEnv} env
     * @param {Record<string, unknown>} [azure] added to the block `azure` of nx.json
     */
    machine: (name, env, azure = {}) =>
      fixture.machine(name, {
        azure: { container, endpoint: recorder.endpoint, ...azure },
        env: {
          AZURE_STORAGE_CONNECTION_STRING: '',
          SSL_CERT_FILE: certificate.cert,
          ...env,
        },
      }),

    /** How many blobs are stored. */
    async stored() {
      const list = await sendToContainer('GET', 'restype=container&comp=list');
      return list.split('<Blob>').length - 1;
    },
  };
}

/**
 * Sends an HTTPS request, and throws unless it succeeds.
 *
 * @param {string} ca path of a certificate
 * @param {string} method
 * @param {string} url
 * @param {Record<string, string>} headers
 */
async function send(ca, method, url, headers) {
  const request = https.request(url, {
    ...{ method, headers },
    ca: fs.readFileSync(ca),
  });
  request.end();
  const [response] = /** @type {[IncomingMessage]} */ (
    await once(request, 'response')
  );
  let body = '';
  for await (const chunk of response) body += chunk;
  if ((response.statusCode ?? 0) >= 300) {
    throw new Error(`${method} ${url}: ${response.statusCode} ${body}`);
  }
  return body;
}

/**
 * The variables of a job of GitHub Actions that may write the trusted scope.
 *
 * @param {Awaited<ReturnType<typeof startAuthority>>} authority
 */
const pushToMain = (authority) => ({
  ...authority.githubJob(),
  CI: 'true',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_REF_PROTECTED: 'true',
});

exports.pushToMain = pushToMain;
exports.sharedFolder = sharedFolder;
exports.startSignedIn = startSignedIn;
