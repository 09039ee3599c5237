'use strict';

// The limits: the best that the machine can do with the same bytes.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { container } = require('./servers');
const { folders } = require('./folders');

/** @import { LimitName } from './rows' */
/** @import { Sample } from './statistics' */
/** @import { Workload } from './workloads' */

/**
 * @typedef {object} Task
 * @property {Workload} workload
 * @property {string[]} hashes of the results
 * @property {string} folder to write to
 * @property {string} url of the storage that holds them
 */

/**
 * How many results our client requests at once, as its source says. The raw
 * GETs make as many at once.
 */
function concurrency() {
  const file = path.join(root, 'cache', 'limiter', 'limiter.go');
  const source = fs.readFileSync(file, 'utf8');
  const found = /^\s*maxRequests = (\d+)$/m.exec(source);
  if (!found) throw new Error(`there is no maxRequests in ${file}`);
  return Number(found[1]);
}

/** @type {Record<LimitName, (task: Task) => Promise<Sample>>} */
const limits = {
  /** One process for each result, all at once. */
  async 'cp -r'({ workload, hashes, folder }) {
    const sources = hashes.map((hash) =>
      path.join(workload.cacheDirectory, hash),
    );
    const started = performance.now();
    // With hundreds of processes, this would measure how they start.
    const groups =
      hashes.length > 8 ? [sources] : sources.map((source) => [source]);
    await Promise.all(
      groups.map((group) => run('cp', ['-r', ...group, folder])),
    );
    return { ms: performance.now() - started };
  },

  async 'tar | zstd'({ workload, hashes, folder }) {
    const file = path.join(folder, 'archive');
    const isAll = hashes.length === workload.hashes.length;
    const tree = path.join(workload.cacheDirectory, isAll ? '' : hashes[0]);
    const { milliseconds, bytes } = await tool([
      ...['tar-zstd', '--out', file, tree],
    ]);
    fs.rmSync(file);
    return { ms: milliseconds, stored: bytes };
  },

  async write({ workload, hashes, folder }) {
    const [source] = filesOf(path.join(workload.cacheDirectory, hashes[0]));
    const { milliseconds } = await tool([
      ...['write', '--from', source, '--out', path.join(folder, 'copy')],
      ...['--copies', String(hashes.length)],
    ]);
    fs.rmSync(folder, { recursive: true }); // a few large files
    return { ms: milliseconds };
  },

  async 'raw GET'({ hashes, folder, url }) {
    const file = path.join(folder, 'urls');
    const blobs = `${url}/devstoreaccount1/${container}/v1/trusted`;
    fs.writeFileSync(file, hashes.map((hash) => `${blobs}/${hash}\n`).join(''));
    const { milliseconds, bytes, requests } = await tool([
      ...['raw-get', '--concurrency', String(concurrency()), file],
    ]);
    if (requests !== hashes.length || bytes === 0) {
      throw new Error(`${requests} requests, ${bytes} bytes`);
    }
    return { ms: milliseconds, received: bytes, requests };
  },
};

/**
 * Runs a command of nx-azure-testtool, and returns the figures that it prints.
 *
 * @param {string[]} args
 */
async function tool(args) {
  const { stdout } = await run(folders.tool, args);
  return JSON.parse(stdout);
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesOf(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

exports.concurrency = concurrency;
exports.limits = limits;
