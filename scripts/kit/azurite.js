'use strict';

// Starts Azurite, and does in its containers what an administrator or the holder of a SAS does.

const path = require('node:path');
const { root } = require('./root');
const { startServer } = require('./server');

// Microsoft publishes this account and key for the emulator.
const account = 'devstoreaccount1';
const key =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/**
 * Starts Azurite, the emulator of Azure Blob Storage, in memory. With a certificate it
 * speaks TLS and accepts tokens of Entra ID with the right claims, for every request.
 *
 * @param {{ certificate?: import('./certificate').Certificate }} [options]
 */
async function startAzurite({ certificate } = {}) {
  const secure = certificate && [
    ...['--cert', certificate.cert, '--key', certificate.key],
    ...['--oauth', 'basic'],
  ];
  const server = await startServer(
    'Azurite',
    // azblob 1.8.3 sends an API version that Azurite 3.37 does not know.
    (port) => [
      path.join(root, 'node_modules/azurite/dist/src/blob/main.js'),
      '--inMemoryPersistence',
      '--skipApiVersionCheck',
      '--disableTelemetry',
      '--silent',
      ...['--blobHost', '127.0.0.1', '--blobPort', String(port)],
      ...(secure ?? []),
    ],
    { isSecure: Boolean(certificate) },
  );
  const scheme = certificate ? 'https' : 'http';
  return {
    ...server,
    endpoint: endpoint(server.port, scheme),
    connectionString: connectionString(server.port, scheme),
  };
}

/**
 * The connection string of an Azurite on a port of this machine.
 *
 * @param {number} port
 * @param {string} [scheme]
 */
function connectionString(port, scheme = 'http') {
  return (
    `DefaultEndpointsProtocol=${scheme};AccountName=${account};AccountKey=${key};` +
    `BlobEndpoint=${endpoint(port, scheme)};`
  );
}

/**
 * The endpoint of the account of an Azurite on a port of this machine.
 *
 * @param {number} port
 * @param {string} [scheme]
 */
const endpoint = (port, scheme = 'http') =>
  `${scheme}://127.0.0.1:${port}/${account}`;

/**
 * The account key of a connection string.
 *
 * @param {string} connectionString
 */
function accountKey(connectionString) {
  const key = /AccountKey=([^;]+)/.exec(connectionString)?.[1];
  if (!key) throw new Error('the connection string has no AccountKey');
  return key;
}

/**
 * A SAS of a container, without `?`.
 *
 * @param {string} container
 * @param {string} permissions such as `rc`
 * @param {Date} [expiresOn]
 */
function sharedAccessSignature(
  container,
  permissions,
  expiresOn = new Date(Date.now() + 3600_000),
) {
  const {
    ContainerSASPermissions,
    StorageSharedKeyCredential,
    generateBlobSASQueryParameters,
  } = require('@azure/storage-blob');
  return generateBlobSASQueryParameters(
    {
      containerName: container,
      permissions: ContainerSASPermissions.parse(permissions),
      expiresOn,
    },
    new StorageSharedKeyCredential(account, key),
  ).toString();
}

/**
 * The connection string of the holder of a SAS for a container.
 *
 * @param {string} endpoint
 * @param {string} container
 * @param {string} permissions such as `rc`
 */
const connectionStringOfSAS = (endpoint, container, permissions) =>
  `BlobEndpoint=${endpoint};` +
  `SharedAccessSignature=${sharedAccessSignature(container, permissions)}`;

/**
 * Creates a container, as an administrator would.
 *
 * @param {string} connectionString
 * @param {string} name
 */
async function createContainer(connectionString, name) {
  await service(connectionString).createContainer(name);
}

/**
 * The blobs of a container: names and sizes in bytes.
 *
 * @param {string} connectionString
 * @param {string} container
 */
async function listBlobs(connectionString, container) {
  const blobs = [];
  const client = service(connectionString).getContainerClient(container);
  for await (const { name, properties } of client.listBlobsFlat()) {
    blobs.push({ name, size: properties.contentLength ?? 0 });
  }
  return blobs;
}

/**
 * Replaces the content of every blob of a container, and keeps the metadata.
 *
 * @param {string} connectionString
 * @param {string} container
 * @param {(content: Buffer) => Buffer} change
 */
async function rewriteBlobs(connectionString, container, change) {
  const client = service(connectionString).getContainerClient(container);
  for await (const { name } of client.listBlobsFlat()) {
    const blob = client.getBlockBlobClient(name);
    const { metadata } = await blob.getProperties();
    const content = change(await blob.downloadToBuffer());
    await blob.upload(content, content.length, { metadata });
  }
}

/**
 * A blob's content and metadata.
 *
 * @param {string} connectionString
 * @param {string} path of a request's URL: /account/container/name?query
 */
async function readBlob(connectionString, path) {
  const blob = blobAt(connectionString, path);
  const { metadata } = await blob.getProperties();
  return { content: await blob.downloadToBuffer(), metadata };
}

/**
 * Writes a blob, and replaces an existing one.
 *
 * @param {string} connectionString
 * @param {string} path as in `readBlob`
 * @param {Buffer} content
 * @param {Record<string, string>} [metadata]
 */
async function writeBlob(connectionString, path, content, metadata) {
  const blob = blobAt(connectionString, path);
  await blob.upload(content, content.length, { metadata });
}

/**
 * @param {string} connectionString
 * @param {string} path as in `readBlob`
 */
async function removeBlob(connectionString, path) {
  await blobAt(connectionString, path).deleteIfExists();
}

/**
 * @param {string} connectionString
 * @param {string} path as in `readBlob`
 */
function blobAt(connectionString, path) {
  const [, , container, ...name] = path.split('?')[0].split('/');
  return service(connectionString)
    .getContainerClient(container)
    .getBlockBlobClient(decodeURIComponent(name.join('/')));
}

/**
 * Removes all blobs of a container.
 *
 * @param {string} connectionString
 * @param {string} container
 */
async function emptyContainer(connectionString, container) {
  for (const { name } of await listBlobs(connectionString, container)) {
    await removeBlob(connectionString, `/${account}/${container}/${name}`);
  }
}

/** @param {string} connectionString */
function service(connectionString) {
  // Required here: scripts load this file before they install packages.
  const { BlobServiceClient } = require('@azure/storage-blob');
  return BlobServiceClient.fromConnectionString(connectionString);
}

exports.accountKey = accountKey;
exports.startAzurite = startAzurite;
exports.connectionString = connectionString;
exports.connectionStringOfSAS = connectionStringOfSAS;
exports.emptyContainer = emptyContainer;
exports.endpoint = endpoint;
exports.sharedAccessSignature = sharedAccessSignature;
exports.createContainer = createContainer;
exports.listBlobs = listBlobs;
exports.readBlob = readBlob;
exports.removeBlob = removeBlob;
exports.rewriteBlobs = rewriteBlobs;
exports.writeBlob = writeBlob;
