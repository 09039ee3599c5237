'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const { once } = require('node:events');
const { atEnd } = require('./cleanup');

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */
/** @import { Certificate } from './certificate' */

/**
 * Starts a stub of Microsoft Entra ID, and of the token issuer of GitHub Actions. Its tokens
 * satisfy `azurite --oauth basic`, which checks their claims and not their signature.
 *
 * @param {Certificate} certificate
 */
async function startAuthority(certificate) {
  const key = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = https.createServer({
    cert: fs.readFileSync(certificate.cert),
    key: fs.readFileSync(certificate.key),
  });
  const authority = {
    url: '',
    port: 0,
    /** Seconds for which tokens are valid. */
    life: 3600,
    /** The error of all responses, such as 'AADSTS7000215: …', or ''. */
    refusal: '',
    /** @type {Record<string, string>[]} the forms of requests for tokens */
    requests: [],
    /** How many assertions the job of GitHub Actions received. */
    assertions: 0,
    /** The variables of a job of GitHub Actions that may sign in here. */
    githubJob: () => ({
      ...authority.anApp(),
      GITHUB_ACTIONS: 'true',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${authority.url}github?api-version=1`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: jobToken,
    }),
    /** The variables that name an app and this authority. */
    anApp: () => ({
      AZURE_AUTHORITY_HOST: authority.url,
      AZURE_TENANT_ID: '11111111-2222-3333-4444-555555555555',
      AZURE_CLIENT_ID: '99999999-8888-7777-6666-555555555555',
    }),
    /** A token for storage, as the Azure CLI would get it for a person. */
    token: (/** @type {Record<string, unknown>} */ claims) =>
      sign(key.privateKey, authority.life, claims),
  };
  server.on('request', (request, response) => {
    respond(authority, request, response).catch((err) =>
      response.writeHead(500).end(String(err)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {AddressInfo} */ (server.address());
  authority.port = port;
  authority.url = `https://127.0.0.1:${port}/`;
  return authority;
}

/** The secret of a job of GitHub Actions. */
const jobToken = 'the-token-of-the-job';

/**
 * @param {Awaited<ReturnType<typeof startAuthority>>} authority
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
async function respond(authority, request, response) {
  const { pathname, searchParams } = new URL(request.url ?? '', authority.url);
  // The requested host, because a proxy may lead other hosts here.
  const base = `https://${request.headers.host}/${pathname.split('/')[1]}`;
  if (pathname.endsWith('/v2.0/.well-known/openid-configuration')) {
    send(response, 200, {
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
    });
  } else if (pathname.endsWith('/oauth2/v2.0/token')) {
    let body = '';
    for await (const chunk of request) body += chunk;
    giveToken(
      authority,
      Object.fromEntries(new URLSearchParams(body)),
      response,
    );
  } else if (
    pathname === '/github' &&
    request.headers.authorization === `bearer ${jobToken}` &&
    searchParams.get('audience') === 'api://AzureADTokenExchange'
  ) {
    send(response, 200, { value: `assertion-${++authority.assertions}` });
  } else {
    send(response, 404, { error: pathname });
  }
}

/**
 * @param {Awaited<ReturnType<typeof startAuthority>>} authority
 * @param {Record<string, string>} form
 * @param {ServerResponse} response
 */
function giveToken(authority, form, response) {
  authority.requests.push(form);
  if (authority.refusal) {
    send(response, 401, {
      error: 'invalid_client',
      error_description: authority.refusal,
    });
    return;
  }
  send(response, 200, {
    token_type: 'Bearer',
    expires_in: authority.life,
    access_token: authority.token({ appid: form.client_id, oid: '0b1ec7' }),
  });
}

/**
 * @param {ServerResponse} response
 * @param {number} status
 * @param {unknown} value
 */
function send(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/**
 * @param {crypto.KeyObject} key
 * @param {number} life in seconds
 * @param {Record<string, unknown>} claims
 */
function sign(key, life, claims) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (/** @type {unknown} */ value) =>
    Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = encode({
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/11111111-2222-3333-4444-555555555555/',
    ...{ iat: now, nbf: now - 60, exp: now + life },
    ...claims,
  });
  const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${payload}`;
  const signature = crypto.sign('sha256', Buffer.from(text), {
    key,
    dsaEncoding: 'ieee-p1363',
  });
  return `${text}.${signature.toString('base64url')}`;
}

exports.startAuthority = startAuthority;
