'use strict';

const { spawnSync } = require('node:child_process');
const zlib = require('node:zlib');
const { patience } = require('./patience');

/**
 * Decompresses zstd. Before 22.15, Node cannot, and the program zstd does.
 *
 * @param {Buffer} compressed
 * @returns {Buffer}
 */
function unzstd(compressed) {
  const { zstdDecompressSync } = /** @type {any} */ (zlib);
  if (zstdDecompressSync) return zstdDecompressSync(compressed);
  const maxBuffer = 64 * 1024 * 1024;
  const { status, stdout, stderr, error } = spawnSync('zstd', ['-dc'], {
    ...{ input: compressed, maxBuffer, timeout: patience },
  });
  if (error || status !== 0) {
    throw new Error(`zstd -dc: ${error ?? stderr}`, { cause: error });
  }
  return stdout;
}

exports.unzstd = unzstd;
