'use strict';

// A remote cache for Nx in plain JavaScript, written for the bench as such
// plugins usually are: with streams of tar-stream and zlib, and the Azure SDK
// with its defaults. It does less than a real one must: it adds no retries,
// does not verify what it reads, and overwrites existing blobs.

const fs = require('node:fs');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { pipeline } = require('node:stream/promises');
const { createGunzip, createGzip } = require('node:zlib');

/** @import { ContainerClient } from '@azure/storage-blob' */
/** @import { Pack } from 'tar-stream' */

/**
 * @param {string} connectionString
 * @param {string} containerName
 */
async function getRemoteCache(connectionString, containerName) {
  const { BlobServiceClient } = require('@azure/storage-blob');
  const container =
    BlobServiceClient.fromConnectionString(connectionString).getContainerClient(
      containerName,
    );
  return {
    retrieve: (/** @type {string} */ hash, /** @type {string} */ directory) =>
      retrieve(container, hash, directory),
    store: (
      /** @type {string} */ hash,
      /** @type {string} */ directory,
      /** @type {string} */ terminalOutput,
      /** @type {number} */ code,
    ) => store(container, hash, directory, { terminalOutput, code }),
  };
}

/**
 * @param {ContainerClient} container
 * @param {string} hash
 * @param {string} cacheDirectory
 * @param {{ terminalOutput: string, code: number }} result
 */
async function store(container, hash, cacheDirectory, result) {
  const tar = require('tar-stream').pack();
  const gzip = createGzip();
  const packed = Promise.all([
    pipeline(tar, gzip),
    pack(tar, path.join(cacheDirectory, hash), result),
  ]);
  await container.getBlockBlobClient(`${hash}.tar.gz`).uploadStream(gzip);
  await packed;
  return true;
}

/**
 * @param {Pack} tar
 * @param {string} folder
 * @param {{ terminalOutput: string, code: number }} result
 */
async function pack(tar, folder, { terminalOutput, code }) {
  const entries = await fs.promises.readdir(folder, {
    recursive: true,
    withFileTypes: true,
  });
  for (const entry of entries.filter((entry) => entry.isFile())) {
    const file = path.join(entry.parentPath, entry.name);
    const { size, mode, mtime } = await fs.promises.stat(file);
    const name = path.posix.join('outputs', path.relative(folder, file));
    await pipeline(
      fs.createReadStream(file),
      tar.entry({ name, size, mode, mtime }),
    );
  }
  tar.entry({ name: 'terminalOutput' }, terminalOutput);
  tar.entry({ name: 'code' }, String(code));
  tar.finalize();
}

/**
 * @param {ContainerClient} container
 * @param {string} hash
 * @param {string} cacheDirectory
 */
async function retrieve(container, hash, cacheDirectory) {
  const body = await download(container, hash);
  if (!body) return null;
  const outputsPath = path.join(cacheDirectory, hash);
  const tar = require('tar-stream').extract();
  const [{ terminalOutput, code }] = await Promise.all([
    extract(tar, outputsPath),
    pipeline(body, createGunzip(), tar),
  ]);
  return { code: Number(code), terminalOutput, outputsPath, size: 0 };
}

/**
 * @param {ContainerClient} container
 * @param {string} hash
 */
async function download(container, hash) {
  try {
    const blob = container.getBlobClient(`${hash}.tar.gz`);
    return (await blob.download()).readableStreamBody;
  } catch (err) {
    if (/** @type {any} */ (err).statusCode === 404) return undefined;
    throw err;
  }
}

/**
 * @param {import('tar-stream').Extract} tar
 * @param {string} outputsPath
 */
async function extract(tar, outputsPath) {
  /** @type {Record<string, string>} */
  const strings = {};
  for await (const entry of tar) {
    const { name, mode, mtime } = entry.header;
    if (!name.startsWith('outputs/')) {
      strings[name] = await text(entry);
      continue;
    }
    const file = path.join(outputsPath, name.slice('outputs/'.length));
    await fs.promises.mkdir(path.dirname(file), { recursive: true });
    await pipeline(entry, fs.createWriteStream(file, { mode }));
    if (mtime) await fs.promises.utimes(file, mtime, mtime);
  }
  return /** @type {{ terminalOutput: string, code: string }} */ (strings);
}

exports.getRemoteCache = getRemoteCache;
exports.pack = pack;
