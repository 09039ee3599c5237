'use strict';

// Measures one contender once.

const fs = require('node:fs');
const path = require('node:path');
const { run } = require('../kit/run');
const { limits } = require('./limits');
const { container, Storage } = require('./servers');
const { counted } = require('./traffic');
const { digestOf, sizeOf } = require('./trees');
const { prepareWholeRun } = require('./whole-run');

/** @import { ClientName, Contender, LimitName, Row } from './rows' */
/** @import { Sample } from './statistics' */
/** @import { Workload } from './workloads' */
/** @import { AnyStorage, Testbed } from './testbed' */

const clients = ['ours', 'two scopes', 'nx', 'plain'];

/**
 * The lines that our client prints in a run without problems: the progress of
 * its last uploads, and the summary line in CI.
 */
const reports =
  /^nx-azure-cache: (storing \d|\d+ hits?(?: saved [^,]+)?, ).*$/gm;

/** @type {(contender: Contender) => contender is ClientName} */
const isClient = /** @type {any} */ (
  (/** @type {Contender} */ contender) => clients.includes(contender)
);

/**
 * Prepares the measurements of a row.
 *
 * @param {Testbed} testbed
 * @param {Row} row
 * @returns {Promise<(contender: Contender, options?: { thorough?: boolean }) => Promise<Sample>>}
 *   measures a contender once; `thorough` compares the restored files byte for
 *   byte, not only their sizes
 */
async function prepare(testbed, row) {
  if (row.action === 'run') return prepareWholeRun(testbed, row);
  for (const client of row.contenders.filter(isClient)) {
    await testbed.storageFor(client, row); // starts its storage
  }
  if (row.action === 'retrieve') await storeForReading(testbed, row);
  return (contender, options = {}) =>
    isClient(contender)
      ? measureClient(testbed, row, contender, options)
      : measureLimit(testbed, row, /** @type {LimitName} */ (contender));
}

/**
 * @param {Testbed} testbed
 * @param {Row} row
 * @param {LimitName} limit
 * @returns {Promise<Sample>}
 */
async function measureLimit(testbed, row, limit) {
  const { workload, hashes } = await workloadOf(testbed, row);
  const folder = testbed.newFolder();
  const { url } = await testbed.storage('ours', 'read');
  await flushWrites();
  return limits[limit]({ workload, hashes, folder, url });
}

/**
 * @param {Testbed} testbed
 * @param {Row} row
 * @param {ClientName} client
 * @param {{ thorough?: boolean }} options
 */
async function measureClient(testbed, row, client, { thorough = false }) {
  const storage = await testbed.storageFor(client, row);
  if (row.action === 'open' || row.action === 'initialize') {
    await flushWrites();
    return runClient(testbed, storage, { client, action: row.action });
  }
  if (row.action === 'miss')
    return measureMisses(testbed, storage, client, row);
  const { workload, hashes } = await workloadOf(testbed, row);
  const isStore = row.action === 'store';
  const work = isStore ? workload.cacheDirectory : testbed.newFolder();
  if (isStore && storage instanceof Storage) await storage.reset();
  const job = { client, action: row.action, cacheDirectory: work, hashes };
  await flushWrites();
  const [sample, traffic] = await counted(storage, () =>
    runClient(testbed, storage, job),
  );
  if (isStore) verifyStored(traffic, hashes);
  else verifyRestored(workload, hashes, work, thorough);
  return { ...sample, ...traffic };
}

/**
 * @param {Testbed} testbed
 * @param {AnyStorage} storage
 * @param {ClientName} client
 * @param {Row} row
 */
async function measureMisses(testbed, storage, client, { action, copies = 1 }) {
  const hashes = Array.from({ length: copies }, (_, i) => String(i));
  await flushWrites();
  const [sample, traffic] = await counted(storage, () =>
    runClient(testbed, storage, { client, action, hashes }),
  );
  const expected = copies * (client === 'two scopes' ? 2 : 1);
  if (traffic.requests !== expected) {
    throw new Error(
      `${client}: ${traffic.requests} requests, not ${expected}, for ${copies} misses`,
    );
  }
  return { ...sample, ...traffic };
}

/**
 * The workload of a row, and the hashes of the results that the row uses.
 *
 * @param {Testbed} testbed
 * @param {Row} row
 */
async function workloadOf(testbed, row) {
  const workload = await testbed.workload(row.workload);
  return { workload, hashes: workload.hashes.slice(0, row.copies) };
}

/**
 * Stores the results that a row retrieves, unless they are stored already.
 *
 * @param {Testbed} testbed
 * @param {Row} row
 */
async function storeForReading(testbed, row) {
  const { workload, hashes } = await workloadOf(testbed, row);
  const { cacheDirectory } = workload;
  const needed = new Set(
    row.contenders.map((name) => (isClient(name) ? name : 'ours')),
  );
  for (const client of needed) {
    const storage = await testbed.storageFor(client, row);
    const missing = testbed.missing(storage, client, hashes);
    if (missing.length === 0) continue;
    await runClient(
      testbed,
      { ...storage, control: undefined },
      { client, action: 'store', cacheDirectory, hashes: missing },
    );
  }
}

/**
 * Runs a client in a process of its own.
 *
 * @param {Testbed} testbed
 * @param {AnyStorage} storage
 * @param {{ client: ClientName, action: Row['action'], hashes?: string[], cacheDirectory?: string }} job
 * @returns {Promise<Sample>}
 */
async function runClient(testbed, storage, job) {
  const { stdout, output } = await run(
    process.execPath,
    [
      '--expose-gc',
      path.join(__dirname, 'runner.js'),
      JSON.stringify({
        workspace: testbed.machine.workspace,
        container,
        control: storage.control,
        cacheDirectory: testbed.results,
        hashes: [],
        ...job,
      }),
    ],
    {
      cwd: testbed.machine.workspace,
      env: testbed.environment(storage, job.client),
      timeout: 300_000,
    },
  );
  const said = output.replace(stdout, '').replace(reports, '').trim();
  if (said) throw new Error(`${job.client} says: ${said}`);
  return JSON.parse(stdout);
}

/**
 * Flushes earlier writes to the disk, so that they do not slow the next
 * measurement.
 */
async function flushWrites() {
  await run('sync', []);
}

/**
 * @param {{ blobs?: number, stored?: number }} traffic
 * @param {string[]} hashes
 */
function verifyStored({ blobs, stored }, hashes) {
  if (blobs === undefined) return; // Azurite
  if (blobs !== hashes.length || !stored) {
    throw new Error(`${blobs} blobs with ${stored} bytes are stored`);
  }
}

/**
 * Checks that the restored files equal the stored ones. Removes large files;
 * others stay until the end, see `newFolder`.
 *
 * @param {Workload} workload
 * @param {string[]} hashes
 * @param {string} cacheDirectory
 * @param {boolean} thorough
 */
function verifyRestored(workload, hashes, cacheDirectory, thorough) {
  for (const [i, hash] of hashes.entries()) {
    const folder = path.join(cacheDirectory, hash);
    const { files, bytes } = sizeOf(folder);
    if (files !== workload.files || bytes !== workload.bytes) {
      throw new Error(`${folder} holds ${files} files with ${bytes} bytes`);
    }
    if (thorough && i === 0 && digestOf(folder) !== workload.digest) {
      throw new Error(`${folder} does not hold what was stored`);
    }
  }
  if (workload.large) fs.rmSync(cacheDirectory, { recursive: true });
}

exports.prepare = prepare;
exports.verifyRestored = verifyRestored;
exports.verifyStored = verifyStored;
