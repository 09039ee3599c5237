'use strict';

// The bytes that npm downloads, and those that the container holds.

const fs = require('node:fs');
const path = require('node:path');
const { PassThrough } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { createGzip } = require('node:zlib');
const { run } = require('../kit/run');
const { folders } = require('./folders');
const { pack } = require('./plain-plugin');

/** @import { Results, Sizes } from './budgets' */
/** @import { Workload } from './workloads' */
/** @import { Testbed } from './testbed' */

/**
 * The sizes of the packages that were built.
 *
 * @returns {Promise<Sizes['packages']>}
 */
async function packageSizes() {
  const scope = path.join(folders.packages, '@nx-azure-cache');
  /** @type {Sizes['packages']} */
  const sizes = {};
  for (const name of fs.readdirSync(scope).sort()) {
    const folder = path.join(scope, name);
    const { stdout } = await run('npm', [
      ...['pack', '--json', '--dry-run', '--ignore-scripts'],
      ...['--loglevel', 'error', folder],
    ]);
    const [binary] = fs.readdirSync(path.join(folder, 'bin'));
    sizes[name] = {
      binary: fs.statSync(path.join(folder, 'bin', binary)).size,
      download: sizeIn(stdout),
    };
  }
  return sizes;
}

/**
 * The size in the output of `npm pack --json`: a list, or an object by name
 * since npm 12.
 *
 * @param {string} text
 */
function sizeIn(text) {
  const { size } = /** @type {any} */ (Object.values(JSON.parse(text))[0]);
  if (!(size > 0)) throw new Error(`npm pack says ${text}`);
  return Number(size);
}

/**
 * The sizes of a workload after `tar` and `tar | gzip -6`. A file beside the
 * workload keeps them, because they take seconds.
 *
 * @param {Workload} workload
 * @returns {Promise<{ tar: number, gzip: number }>}
 */
async function gzipSizes({ cacheDirectory, hashes: [hash], digest }) {
  const file = `${cacheDirectory}.gzip.json`;
  if (fs.existsSync(file)) {
    const kept = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (kept.digest === digest) return kept.sizes;
  }
  const sizes = await packed(path.join(cacheDirectory, hash));
  fs.writeFileSync(file, JSON.stringify({ digest, sizes }));
  return sizes;
}

/** @param {string} folder */
async function packed(folder) {
  const tar = require('tar-stream').pack();
  const counted = { tar: counter(), gzip: counter() };
  await Promise.all([
    pipeline(tar, counted.tar, createGzip({ level: 6 }), counted.gzip),
    pack(tar, folder, { terminalOutput: 'done\n', code: 0 }),
  ]);
  return { tar: counted.tar.bytes, gzip: counted.gzip.bytes };
}

/** A stream that counts the bytes that pass through it. */
function counter() {
  const stream = Object.assign(new PassThrough(), { bytes: 0 });
  stream.on('data', (/** @type {Buffer} */ { length }) => {
    stream.bytes += length;
  });
  return stream;
}

/**
 * @param {Testbed} testbed
 * @param {Results} results
 * @returns {Promise<Sizes>}
 */
async function measureSizes(testbed, results) {
  /** @type {Sizes} */
  const sizes = { packages: await packageSizes(), stored: {} };
  for (const name of ['W1', 'W3', 'W5']) {
    const ours = results[`store ${name}`]?.results.ours?.stored;
    if (!ours) continue;
    const workload = await testbed.workload(name);
    const { tar, gzip } = await gzipSizes(workload);
    sizes.stored[name] = { input: workload.bytes, tar, gzip, ours };
  }
  return sizes;
}

exports.measureSizes = measureSizes;
