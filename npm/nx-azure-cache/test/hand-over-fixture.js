'use strict';

// Shared by the tests of a run's record.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { fakeServer, temporaryFolder } = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */
/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * A server that logs what it gets. `records`: it wants the record of the run. When it gets
 * `runEnded`, it logs the file.
 *
 * @param {FakeServer} server
 * @param {{ log: string, changes: object, drained?: {} }} args
 */
function listener(server, { log, changes, drained = {} }) {
  const fs = require('node:fs');
  const note = (/** @type {unknown[]} */ ...entry) =>
    fs.appendFileSync(log, `${JSON.stringify(entry)}\n`);
  let session = '';
  server.on('initialize', ({ config }, respond) => {
    const result = server.hello({ ...changes, ...config?.changes });
    session = result.session;
    respond.result(result);
  });
  server.on('store', ({ hash, took }, respond) => {
    note('store', hash, took);
    respond.result({ queued: true, reason: '' });
  });
  server.on('localHits', () => note('localHits'));
  server.on('runEnded', ({ cacheDirectory, ...rest }) => {
    const folder = `${cacheDirectory}/.nx-azure-cache/${session}`;
    const file = `${folder}/run.json`;
    const modes = [folder, file].map((path) => fs.statSync(path).mode & 0o777);
    const run = JSON.parse(fs.readFileSync(file, 'utf8'));
    note('runEnded', session, modes, run, rest);
    fs.rmSync(file);
  });
  server.onDrain(() => {
    note('drain');
    server.drained(drained);
  });
}

/**
 * Runs tasks as Nx does: one that it builds, one from its local cache, one that fails, and one
 * that it does not cache.
 *
 * @param {Nx} nx
 */
async function run({ getRemoteCache, packageFolder, cacheDirectory }) {
  const { createRequire } = require('node:module');
  const nx = createRequire(`${packageFolder}/`);
  const { DbCache } = nx('nx/src/tasks-runner/cache');
  const { CompositeLifeCycle } = nx('nx/src/tasks-runner/life-cycle');
  const task = (/** @type {string} */ id) => ({
    ...{ id, hash: `h-${id}`, cache: id !== 'uncached' },
    target: { project: id, target: 'build' },
    outputs: [`dist/${id}`],
    hashDetails: { command: '1', nodes: { [`${id}:files`]: '2' } },
    startTime: 1_000,
    endTime: 1_500,
  });
  const cache = Object.create(DbCache.prototype);
  const found = { code: 0, terminalOutput: '' };
  cache.cache = {
    cacheDirectory,
    getBatch: (/** @type {string[]} */ hashes) =>
      hashes.map((hash) => (hash === 'h-local' ? found : null)),
    getTaskOutputsPath: () => '',
    put: () => ({ expandedOutputs: [], files: [], outputsBelowALink: [] }),
  };
  cache.getRemoteCache = getRemoteCache;
  await cache.init();
  const [built, local, red] = ['built', 'local', 'red'].map(task);
  const lifeCycle = new CompositeLifeCycle([]);
  await cache.getBatch([built, local, red]);
  await lifeCycle.endTasks([{ task: local, status: 'local-cache' }], {});
  for (const started of [built, red, task('uncached')]) {
    cache.temporaryOutputPath(started);
  }
  await cache.put(built, '', [], 0);
  await lifeCycle.endTasks([{ task: built, status: 'success' }], {});
  await lifeCycle.endTasks([{ task: red, status: 'failure' }], {});
  await lifeCycle.endTasks([{ task: task('uncached'), status: 'success' }], {});
}

/**
 * Starts a server that logs. Returns it, and a function that reads its log.
 *
 * @param {TestContext} t
 * @param {object} [changes]
 * @param {{}} [drained]
 */
function server(t, changes = { records: true }, drained) {
  const log = path.join(temporaryFolder(t), 'log');
  const binary = fakeServer(t, listener, { log, changes, drained });
  /** @returns {any[][]} */
  const heard = () =>
    fs.existsSync(log)
      ? fs
          .readFileSync(log, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
  return { binary, heard };
}

/** @param {() => boolean} isTrue */
async function until(isTrue) {
  const end = performance.now() + patience;
  while (!isTrue()) {
    assert.ok(performance.now() < end, `${isTrue} does not become true`);
    await sleep(10);
  }
}

exports.run = run;
exports.server = server;
exports.until = until;
