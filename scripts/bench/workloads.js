'use strict';

// The workloads: results to store and to retrieve, made once, with the same
// bytes on every machine. The folder of each serves as Nx's cache directory,
// which holds <hash>/<outputs>.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { Keystream, mixed } = require('./content');
const { Slices, sourceFiles } = require('./sources');
const { digestOf, sizeOf } = require('./trees');

/**
 * @typedef {object} Definition
 * @property {string} title
 * @property {number} results their number
 * @property {boolean} [same] whether all have the same content, as hard links
 * @property {boolean} [large] whether it is one large file, whose copies are removed early
 * @property {(folder: string, index: number) => void} write writes the outputs
 *   of a result
 */

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} title
 * @property {boolean} large
 * @property {string} cacheDirectory
 * @property {string[]} hashes the results in it
 * @property {number} files of each result
 * @property {number} bytes of the first result
 * @property {string} digest of the first result
 */

/** Raise this number when the generator makes other content. */
const generation = 1;

const MB = 1_000_000;

/** @type {Record<string, Definition>} */
const definitions = {
  W0: largeFile('one file of 1 MB', 'W2', MB),
  W1: {
    title: '2,000 files, 20 MB',
    results: 8,
    same: true,
    write: (folder) => writeSources(folder, 2_000, 20 * MB),
  },
  W2: largeFile('one file of 200 MB, half compressible', 'W2', 200 * MB, 8),
  W2q: largeFile('one file of 40 MB, half compressible', 'W2', 40 * MB, 8),
  W3: {
    title: '100 MB that do not compress',
    results: 1,
    large: true,
    write: (folder) =>
      writeFile(folder, 'dist/media', new Keystream('W3').bytes(100 * MB)),
  },
  W4: {
    title: '300 results of 3 files, 20 KB each',
    results: 300,
    write: writeSmall,
  },
  W5: {
    title: '20,000 files, 45 MB',
    results: 1,
    write: (folder) => writeSlices(folder, 20_000, 45 * MB),
  },
  /** For bench.test.js. */
  tiny: { title: '2 results of 3 files', results: 2, write: writeSmall },
};

/**
 * @param {string} title
 * @param {string} seed
 * @param {number} bytes
 * @param {number} [results]
 * @returns {Definition}
 */
function largeFile(title, seed, bytes, results = 1) {
  return {
    title,
    results,
    same: true,
    large: true,
    write: (folder) => writeFile(folder, 'dist/bundle', mixed(seed, bytes)),
  };
}

/**
 * Writes source files of real packages. Takes one above or below the mean size
 * each time, so that the total comes out right.
 *
 * @param {string} folder
 * @param {number} count
 * @param {number} bytes of all
 */
function writeSources(folder, count, bytes) {
  const mean = bytes / count;
  const [small, large] = halves(sourceFiles(), mean);
  let written = 0;
  for (let i = 0; i < count; i++) {
    const from = written < i * mean ? large : small;
    const { name, content } = from[i % from.length];
    writeFile(folder, `dist/${folderOf(i, 10)}/${i}-${name}`, content);
    written += content.length;
  }
}

/**
 * @param {ReturnType<typeof sourceFiles>} files
 * @param {number} mean
 */
function halves(files, mean) {
  const isSmall = (/** @type {{ content: Buffer }} */ { content }) =>
    content.length < mean;
  return [files.filter(isSmall), files.filter((file) => !isSmall(file))];
}

/**
 * Writes pieces of source text.
 *
 * @param {string} folder
 * @param {number} count
 * @param {number} bytes of all
 */
function writeSlices(folder, count, bytes) {
  const lengths = new Keystream('W5').numbers(count, (2 * bytes) / count);
  const text = new Slices();
  for (const [i, length] of lengths.entries()) {
    writeFile(folder, `dist/${folderOf(i, 40)}/${i}.js`, text.next(length));
  }
}

/**
 * Writes what the build of a small library makes: code, types, a manifest.
 *
 * @param {string} folder
 * @param {number} index
 */
function writeSmall(folder, index) {
  const text = new Slices(index * 20_000);
  const lengths = { 'index.js': 14_000, 'index.d.ts': 5_000, 'a.json': 1_000 };
  for (const [name, length] of Object.entries(lengths)) {
    writeFile(folder, `dist/lib${index}/${name}`, text.next(length));
  }
}

/**
 * @param {number} i
 * @param {number} filesInFolder
 */
function folderOf(i, filesInFolder) {
  const n = Math.floor(i / filesInFolder);
  return `module${Math.floor(n / 10)}/part${n % 10}`;
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {Buffer} content
 */
function writeFile(folder, name, content) {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}

/**
 * The hash of a result, which looks like one of Nx's.
 *
 * @param {string} name
 * @param {number} index
 */
function hashOf(name, index) {
  const digest = createHash('sha256').update(`${name} ${index}`).digest();
  return String(digest.readBigUInt64LE());
}

/**
 * Returns a workload, and makes it if it does not exist.
 *
 * @param {string} name
 * @param {string} folder of all workloads
 * @returns {Promise<Workload>}
 */
async function workload(name, folder) {
  const { title, results, large = false } = definitions[name];
  const cacheDirectory = path.join(folder, name);
  const hashes = Array.from({ length: results }, (_, i) => hashOf(name, i));
  const stamp = path.join(folder, `${name}.json`);
  const outputs = path.join(cacheDirectory, hashes[0]);
  let made = readStamp(stamp, outputs);
  if (!made) {
    console.log(`Making workload ${name}: ${title} …`);
    fs.rmSync(stamp, { force: true });
    fs.rmSync(cacheDirectory, { recursive: true, force: true });
    await make(definitions[name], cacheDirectory, hashes);
    made = { origin: origin(), ...sizeOf(outputs), digest: digestOf(outputs) };
    fs.writeFileSync(stamp, JSON.stringify(made));
  }
  const { files, bytes, digest } = made;
  return { name, title, large, cacheDirectory, hashes, files, bytes, digest };
}

/** Identifies what the content of the workloads depends on. */
function origin() {
  const lockfile = fs.readFileSync(path.join(root, 'package-lock.json'));
  const digest = createHash('sha256').update(lockfile).digest('hex');
  return `${generation} ${digest}`;
}

/**
 * The stamp of a workload that exists, is unchanged and is not out of date.
 *
 * @param {string} stamp written last
 * @param {string} outputs
 * @returns {{ origin: string, files: number, bytes: number, digest: string } | undefined}
 */
function readStamp(stamp, outputs) {
  if (!fs.existsSync(stamp)) return undefined;
  const made = JSON.parse(fs.readFileSync(stamp, 'utf8'));
  if (made.origin !== origin() || !fs.existsSync(outputs)) return undefined;
  const { files, bytes } = sizeOf(outputs);
  return files === made.files && bytes === made.bytes ? made : undefined;
}

/**
 * @param {Definition} definition
 * @param {string} cacheDirectory
 * @param {string[]} hashes
 */
async function make({ same, write }, cacheDirectory, hashes) {
  fs.mkdirSync(cacheDirectory, { recursive: true });
  const [first, ...others] = hashes.map((hash) =>
    path.join(cacheDirectory, hash),
  );
  write(first, 0);
  for (const [i, folder] of others.entries()) {
    if (same) await run('cp', ['-rl', first, folder]);
    else write(folder, i + 1);
  }
}

exports.definitions = definitions;
exports.workload = workload;
