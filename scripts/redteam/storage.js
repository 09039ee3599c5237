'use strict';

// Uses a credential in the storage, without our client.

const { createHash } = require('node:crypto');

/**
 * @typedef {object} Entry
 * @property {Buffer} content
 * @property {Record<string, string>} metadata
 */

/**
 * @param {string} connectionString
 * @param {string} container
 * @param {string} name
 */
function clientOf(connectionString, container, name) {
  const { BlobServiceClient } = require('@azure/storage-blob');
  return BlobServiceClient.fromConnectionString(connectionString)
    .getContainerClient(container)
    .getBlockBlobClient(name);
}

/**
 * @param {string} connectionString
 * @param {string} container
 * @param {string} name
 * @returns {Promise<Entry | undefined>}
 */
async function readEntry(connectionString, container, name) {
  const blob = clientOf(connectionString, container, name);
  if (!(await blob.exists())) return undefined;
  const { metadata = {} } = await blob.getProperties();
  return { content: await blob.downloadToBuffer(), metadata };
}

/**
 * Writes an entry; rejects with the storage's error.
 *
 * @param {string} connectionString
 * @param {string} container
 * @param {string} name
 * @param {Entry} entry
 * @param {{ isWriteOnce?: boolean }} [options] `isWriteOnce`: only if no entry exists
 */
async function writeEntry(
  connectionString,
  container,
  name,
  { content, metadata },
  { isWriteOnce = false } = {},
) {
  const blob = clientOf(connectionString, container, name);
  const conditions = isWriteOnce ? { ifNoneMatch: '*' } : {};
  await blob.upload(content, content.length, { metadata, conditions });
}

/**
 * Deletes an entry; rejects with the storage's error.
 *
 * @param {string} connectionString
 * @param {string} container
 * @param {string} name
 */
async function deleteEntry(connectionString, container, name) {
  await clientOf(connectionString, container, name).delete();
}

/**
 * The metadata of an entry that has no signature.
 *
 * @param {Buffer} content
 */
function metadataOf(content) {
  return {
    format: '1',
    length: `${content.length}`,
    sha256: createHash('sha256').update(content).digest('hex'),
  };
}

exports.deleteEntry = deleteEntry;
exports.metadataOf = metadataOf;
exports.readEntry = readEntry;
exports.writeEntry = writeEntry;
