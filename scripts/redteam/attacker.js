'use strict';

// An attacker's servers. They record all requests.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { once } = require('node:events');

/** @import { TestContext } from 'node:test' */
/** @import { AddressInfo } from 'node:net' */
/** @import { RequestListener } from 'node:http' */
/** @import { Certificate } from '../kit/certificate' */
/** @typedef {Awaited<ReturnType<typeof startAttacker>>} Attacker */

/**
 * @param {TestContext} t
 * @param {RequestListener} respond
 * @param {Certificate} [certificate] without a certificate, the server does not use TLS
 */
async function startAttacker(t, respond, certificate) {
  /** @type {{ method?: string, url?: string, headers: http.IncomingHttpHeaders }[]} */
  const requests = [];
  /** @type {RequestListener} */
  const record = (request, response) => {
    const { method, url, headers } = request;
    requests.push({ method, url, headers });
    request.resume().on('end', () => respond(request, response));
  };
  const server = certificate
    ? https.createServer(
        {
          cert: fs.readFileSync(certificate.cert),
          key: fs.readFileSync(certificate.key),
        },
        record,
      )
    : http.createServer(record);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {AddressInfo} */ (server.address());
  return {
    port,
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    /** The requests so far. */
    requests,
    /** The requests since the last call. */
    take: () => requests.splice(0),
  };
}

/**
 * Responds like a server that wants a token for another service.
 *
 * @param {string} resource
 * @returns {RequestListener}
 */
const challenge = (resource) => (_, response) =>
  response
    .writeHead(401, {
      'www-authenticate': `Bearer authorization_uri=https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/authorize resource_id=${resource}`,
      'x-ms-request-id': '1',
    })
    .end();

/**
 * Redirects to the same path of another server.
 *
 * @param {number} status
 * @param {() => string} to
 * @returns {RequestListener}
 */
const redirect = (status, to) => (request, response) =>
  response.writeHead(status, { location: `${to()}${request.url}` }).end();

exports.challenge = challenge;
exports.redirect = redirect;
exports.startAttacker = startAttacker;
