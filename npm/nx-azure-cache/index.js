'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { binaryPath } = require('./binary');
const { Client } = require('./client');
const { notice } = require('./notices');
const { version } = require('./package.json');

/** @import { RemoteCache, CachedResult } from './index' */

/** The version of the protocol in rpc/doc.go. */
const protocolVersion = 1;

/**
 * Milliseconds until a child that does not answer is given up. It answers in
 * about 10 ms; a virus scanner that sees the binary for the first time may
 * take seconds.
 */
const startPatience = 10_000;

/**
 * The same for later calls: longer than a large result takes, but not for
 * ever.
 */
const patience = 600_000;

const nonsense = 'the cache process has given an answer of another shape';

/** Bytes of terminal output above which it travels as a file; see rpc/doc.go. */
const inlineTerminalOutput = 256 * 1024;

/**
 * What Nx calls, once per run. Resolves to null when there is no cache to use,
 * with a line that says why. Never rejects: that would end the run.
 *
 * @returns {Promise<RemoteCache | null>}
 */
async function getRemoteCache() {
  try {
    return await open();
  } catch (err) {
    notice('start', `the remote cache is off: ${message(err)}`);
    return null;
  }
}

/** @returns {Promise<RemoteCache | null>} */
async function open() {
  const client = await Client.start(binaryPath(), ['serve'], {
    onLog: ({ level, message }) => {
      if (level !== 'debug') notice(message, message);
    },
    onStderr: (text) => {
      // Only what the user asked for: the rest shows in the reason of an end.
      if (process.env.NX_AZURE_CACHE_LOG) process.stderr.write(text);
    },
  });
  try {
    const session = await client.call(
      'initialize',
      initializeParams(),
      startPatience,
    );
    checkVersion(session.serverVersion);
    if (session.enabled) return remoteCache(client, session.mode);
    if (session.mode !== 'no-cache') {
      notice('start', `the remote cache is off: ${session.reason}`);
    }
  } catch (err) {
    client.close();
    throw err;
  }
  client.close();
  return null;
}

/** What Nx knows. These modules are where they are in Nx 20.0.6 to 24.0.6. */
function initializeParams() {
  const { workspaceRoot } = require('nx/src/utils/workspace-root');
  const { readNxJson } = require('nx/src/config/nx-json');
  const { isCI } = require('nx/src/utils/is-ci');
  return {
    protocolVersion,
    clientVersion: version,
    processId: process.pid,
    workspaceRoot,
    nxVersion: require('nx/package.json').version,
    ci: Boolean(isCI()),
    config: /** @type {Record<string, unknown>} */ (readNxJson(workspaceRoot))
      .azure,
  };
}

/** @param {string} serverVersion */
function checkVersion(serverVersion) {
  if (serverVersion === version) return;
  throw new Error(
    `the package nx-azure-cache is ${version}, its binary is ${serverVersion}: ` +
      'install again, so that the lockfile has one version of nx-azure-cache and @nx-azure-cache/*',
  );
}

/**
 * @param {Client} client
 * @param {string} mode
 * @returns {RemoteCache}
 */
function remoteCache(client, mode) {
  return {
    async retrieve(hash, cacheDirectory) {
      try {
        return await toNx(
          await client.call('retrieve', { hash, cacheDirectory }, patience),
        );
      } catch (err) {
        complain('reading from', err);
        return null;
      }
    },

    async store(hash, cacheDirectory, terminalOutput, code) {
      if (mode !== 'read-write') return false;
      try {
        const { queued, reason } = await withOutput(
          cacheDirectory,
          terminalOutput,
          (output) => {
            const params = { hash, cacheDirectory, code, ...output };
            return client.call('store', params, patience);
          },
        );
        // Nx ignores the answer; without a line nobody would ever know.
        if (!queued) notice('not stored', `the result ${hash} ${reason}`);
        return queued;
      } catch (err) {
        complain('writing to', err);
        return false;
      }
    },
  };
}

/**
 * One line per kind of trouble: the server's error code, or the end of the
 * server.
 *
 * @param {string} doing
 * @param {unknown} err
 */
function complain(doing, err) {
  const code = /** @type {{ code?: number }} */ (err).code;
  notice(
    `call ${code}`,
    `${doing} the remote cache failed, the tasks run without it: ${message(err)}`,
  );
}

/**
 * A result of `retrieve` as Nx wants it. Nx crashes on a hit whose `code` is
 * no number or whose `terminalOutput` is null.
 *
 * @param {any} hit the result as it is in rpc/doc.go
 * @returns {Promise<CachedResult | null>}
 */
async function toNx(hit) {
  if (hit === null) return null;
  if (typeof hit !== 'object') throw new Error(nonsense);
  const { code, outputsPath, size, terminalOutputPath } = hit;
  let { terminalOutput } = hit;
  if (terminalOutputPath !== undefined) {
    terminalOutput = await fs.readFile(terminalOutputPath, 'utf8');
    await remove(terminalOutputPath);
    // The folder that the server works in, if this was the last file in it.
    await fs.rmdir(path.dirname(terminalOutputPath)).catch(() => {});
  }
  if (
    !Number.isInteger(code) ||
    typeof terminalOutput !== 'string' ||
    typeof outputsPath !== 'string'
  ) {
    throw new Error(nonsense);
  }
  return { code, terminalOutput, outputsPath, size };
}

/**
 * Runs use with the terminal output in the form in which it travels.
 *
 * @template T
 * @param {string} cacheDirectory
 * @param {string} terminalOutput
 * @param {(output: { terminalOutput: string } | { terminalOutputPath: string }) => Promise<T>} use
 * @returns {Promise<T>}
 */
async function withOutput(cacheDirectory, terminalOutput, use) {
  if (Buffer.byteLength(terminalOutput) <= inlineTerminalOutput) {
    return use({ terminalOutput });
  }
  // Beside the result, where there is space for it. Not in the folder that the
  // server works in: it removes that when it leaves it.
  const terminalOutputPath = path.join(
    cacheDirectory,
    `.nx-azure-cache-${randomUUID()}`,
  );
  try {
    await fs.writeFile(terminalOutputPath, terminalOutput, { mode: 0o600 });
    return await use({ terminalOutputPath });
  } finally {
    await remove(terminalOutputPath);
  }
}

/**
 * Removes a file. One that cannot be removed costs space, not correctness.
 *
 * @param {string} file
 */
async function remove(file) {
  await fs.rm(file, { force: true }).catch(() => {});
}

/** @param {unknown} err */
function message(err) {
  return err instanceof Error ? err.message : String(err);
}

exports.getRemoteCache = getRemoteCache;
