'use strict';

// node --expose-gc runner.js JOB: plays Nx for one measurement, and prints the figures as a
// line of JSON. JOB is JSON, see below.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const { median } = require('./statistics');
const { cpuOf, peakMemoryOf, serverBelow } = require('../kit/process-usage');

/**
 * @typedef {object} Job
 * @property {'ours' | 'two scopes' | 'nx' | 'plain'} client
 * @property {'store' | 'retrieve' | 'miss' | 'open' | 'initialize'} action
 * @property {string} workspace with node_modules as Nx sees them
 * @property {string} container
 * @property {string} cacheDirectory
 * @property {string[]} hashes
 * @property {string} [control] URL of the server's control paths, if it has
 *   any
 */

/** @typedef {{ retrieve: Function, store: Function }} Cache */

/** @type {Job} */
const job = JSON.parse(process.argv[2]);

/** Resolves modules as Nx does. */
const fromWorkspace = createRequire(path.join(job.workspace, 'nx.json'));

const collectGarbage = /** @type {NodeJS.GCFunction} */ (globalThis.gc);

/** Nx's package does not export it. */
const native = path.join(
  job.workspace,
  'node_modules/nx/dist/src/native/index.js',
);

/** Loads what Nx loads long before it asks for a remote cache. */
function loadNx() {
  fromWorkspace('nx/src/utils/workspace-root');
  fromWorkspace('nx/src/config/nx-json');
  fromWorkspace('nx/src/utils/is-ci');
  require(native);
}

const ours = () => fromWorkspace('@nx/powerpack-azure-cache').getRemoteCache();

/** @type {Record<Job['client'], () => Promise<Cache>>} */
const clients = {
  ours,
  'two scopes': ours, // its environment differs
  async nx() {
    const { HttpRemoteCache } = require(native);
    return new HttpRemoteCache();
  },
  plain: () =>
    require('./plain-plugin').getRemoteCache(
      process.env.AZURE_STORAGE_CONNECTION_STRING ?? '',
      job.container,
    ),
};

async function open() {
  const cache = await clients[job.client]();
  if (!cache) throw new Error('there is no remote cache');
  return cache;
}

/** Seconds of CPU that this process and our server have used. */
function cpu(server = 0) {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 + (server ? cpuOf(server) : 0);
}

/** @type {Record<Job['action'], () => Promise<object>>} */
const actions = {
  async store() {
    const cache = await open();
    const isStored = job.control ? await whenStored(job.control) : exit;
    return measured(async (started) => {
      const accepted = await Promise.all(
        job.hashes.map((hash) =>
          cache.store(hash, job.cacheDirectory, 'done\n', 0),
        ),
      );
      const latency = performance.now() - started;
      if (!accepted.every(Boolean)) throw new Error('a result is not stored');
      await isStored(started);
      return { latency };
    });
  },

  async retrieve() {
    const cache = await open();
    return measured(async () => {
      const results = await Promise.all(
        job.hashes.map((hash) => cache.retrieve(hash, job.cacheDirectory)),
      );
      for (const result of results) {
        if (result?.code !== 0 || result.terminalOutput !== 'done\n') {
          throw new Error(`not what was stored: ${JSON.stringify(result)}`);
        }
      }
      return {};
    });
  },

  async miss() {
    const cache = await open();
    return measured(async () => {
      const results = await Promise.all(
        job.hashes.map((hash) => cache.retrieve(hash, job.cacheDirectory)),
      );
      if (!results.every((result) => result === null)) {
        throw new Error('not a miss');
      }
      return {};
    });
  },

  /** Times getRemoteCache, and the time until the first response, a miss. */
  async open() {
    const started = performance.now();
    const cache = await open();
    const opened = performance.now() - started;
    const result = await cache.retrieve('1234567890', job.cacheDirectory);
    const ms = performance.now() - started;
    if (result !== null) throw new Error('not a miss');
    return { ms, opened };
  },

  /** Times spawn to response, without the JavaScript RPC library. */
  async initialize() {
    const times = [];
    for (let i = 0; i < 10; i++) times.push(await timeOfInitialize());
    return { ms: median(times) };
  },
};

/**
 * Runs a task, and returns its figures with its time, CPU and peak memory. It starts without
 * garbage: a collection of 2 to 5 ms hits one version of a client and not the next one,
 * because what the process did before decides when it is due.
 *
 * @param {(started: number) => Promise<object>} task
 */
async function measured(task) {
  const server = serverBelow(process.pid);
  collectGarbage();
  const before = cpu(server);
  const started = performance.now();
  const more = await task(started);
  const ms = performance.now() - started;
  return {
    ms,
    ...more,
    cpu: cpu(server) - before,
    rssNode: peakMemoryOf(process.pid),
    ...(server && { rssChild: peakMemoryOf(server) }),
  };
}

/**
 * Asks the storage to report when it has stored all results.
 *
 * @param {string} control
 * @returns {Promise<() => Promise<unknown>>} waits for that report
 */
async function whenStored(control) {
  const url = `${control}/-/wait?puts=${job.hashes.length}`;
  const request = http.get(url, { agent: false });
  const responded = once(request, 'response');
  await once(request, 'finish'); // the request is sent
  return async () => {
    const [{ statusCode }] = await responded;
    if (statusCode >= 300) throw new Error(`/-/wait: ${statusCode}`);
  };
}

/**
 * Ends this process as Nx does, which waits for the uploads: for a storage that
 * does not report when it has stored all results.
 *
 * @param {number} started
 */
function exit(started) {
  process.on('exit', () => print({ ms: performance.now() - started }));
  return process.exit();
}

/** @returns {Promise<number>} milliseconds */
async function timeOfInitialize() {
  const { binaryPath } = fromWorkspace(
    '@nx/powerpack-azure-cache/lib/binary.js',
  );
  const message = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: 1,
      clientVersion: '0.0.0',
      processId: process.pid,
      workspaceRoot: job.workspace,
      nxVersion: '24.0.0',
      ci: true,
      config: { container: job.container },
    },
  });
  const started = performance.now();
  const child = spawn(binaryPath({ env: process.env }), ['serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write(
    `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
  );
  const [response] = await once(child.stdout, 'data');
  const ms = performance.now() - started;
  if (!/"enabled":true/.test(response)) throw new Error(String(response));
  child.stdin.end();
  await once(child, 'close');
  return ms;
}

/** @param {object} sample */
function print(sample) {
  fs.writeSync(1, `${JSON.stringify(sample)}\n`);
}

async function main() {
  loadNx();
  print(await actions[job.action]());
  process.exit();
}

main();
