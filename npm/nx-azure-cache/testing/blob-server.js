'use strict';

const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */

/**
 * As much of Azure Blob Storage as two runs need: Put Blob that does not
 * overwrite, and Get Blob. It takes every signature.
 *
 * @param {{ after: (task: () => unknown) => void }} t
 */
async function startBlobServer(t) {
  /** @type {Map<string, { body: Buffer, headers: Record<string, string> }>} */
  const blobs = new Map();
  /** @type {string[]} */
  const requests = [];

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  async function answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url = '', headers } = request;
    const name = url.split('?')[0];

    /**
     * @param {number} status
     * @param {Record<string, string>} headers
     * @param {Buffer} [body]
     */
    const reply = (status, headers, body) => {
      requests.push(`${method} ${status}`);
      response.writeHead(status, {
        'x-ms-request-id': randomUUID(),
        ...headers,
      });
      response.end(body);
    };

    const blob = blobs.get(name);
    if (method === 'GET') {
      if (!blob) return reply(404, { 'x-ms-error-code': 'BlobNotFound' });
      return reply(200, blob.headers, blob.body);
    }
    if (method !== 'PUT') return reply(405, {});
    if (headers['if-none-match'] !== '*') return reply(400, {});
    if (blob) return reply(409, { 'x-ms-error-code': 'BlobAlreadyExists' });
    const body = Buffer.concat(chunks);
    const metadata = Object.entries(headers).filter(([name]) =>
      name.startsWith('x-ms-meta-'),
    );
    const kept = {
      ...Object.fromEntries(metadata),
      etag: `"${randomUUID()}"`,
      'content-length': String(body.length),
      'last-modified': new Date().toUTCString(),
      'x-ms-blob-type': 'BlockBlob',
    };
    blobs.set(name, { body, headers: /** @type {any} */ (kept) });
    return reply(201, { etag: kept.etag });
  }

  const server = http.createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {AddressInfo} */ (server.address());
  return {
    requests,
    blobs,
    connectionString: [
      'DefaultEndpointsProtocol=http',
      'AccountName=devstoreaccount1',
      `AccountKey=${Buffer.from('any key').toString('base64')}`,
      `BlobEndpoint=http://127.0.0.1:${port}/devstoreaccount1`,
    ].join(';'),
  };
}

exports.startBlobServer = startBlobServer;
