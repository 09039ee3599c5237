'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { binaryPath } = require('./lib/binary');
const { codeOf, diagnostics, withDiagnostic } = require('./lib/diagnostics');
const { readEnvironment } = require('./lib/environment');
const { fileError } = require('./lib/file-error');
const {
  annotateInCI,
  debugIfAsked,
  silenceInTask,
  notice,
} = require('./lib/notices');
const { aliasName, ownName } = require('./lib/other-caches');
const { reportOff } = require('./lib/off');
const { ownFolder, removeOwnFile, writeOwnFile } = require('./lib/own-file');
const { reasonOf } = require('./lib/reason');
const {
  configurationOf,
  initialize,
  initializeParams,
  spawnServer,
} = require('./lib/server');
const { Servers } = require('./lib/servers');
const { unexpectedResponse } = require('./lib/session');
const { lostAlias } = require('./lib/slot-package');
const { takeSnapshot } = require('./lib/snapshot');
const { workspaceRoot } = require('./lib/workspace');

/** @import { RemoteCache, CachedResult } from './index' */
/** @import { Server } from './lib/server' */

/** The error code in rpc/doc.go for an entry that must not be used. */
const damaged = 3;

/** Terminal output with more bytes than this travels as a file; see rpc/doc.go. */
const inlineTerminalOutput = 256 * 1024;

/** @type {Servers<Server>} */
const servers = new Servers();

/**
 * Nx calls this once per run of tasks. Resolves to null if there is no cache to use, and
 * prints a line that says why. Never rejects, because that would end the run.
 *
 * @returns {Promise<RemoteCache | null>}
 */
async function getRemoteCache() {
  try {
    return await openCache();
  } catch (err) {
    reportOff(codeOf(err) ?? diagnostics.notStarted, err);
    return null;
  }
}

/** @returns {Promise<RemoteCache | null>} */
async function openCache() {
  const environment = readEnvironment(workspaceRoot());
  const env = environment.variables;
  silenceInTask(env);
  annotateInCI(env);
  debugIfAsked(env);
  const binary = binaryPath({ env });
  // The first server starts while this process reads the workspace.
  const first = servers.isEmpty ? spawnServer(binary, env) : undefined;
  let params;
  try {
    params = initializeParams(environment);
  } catch (err) {
    (await first?.client)?.close();
    throw err;
  }
  warnOfLostAlias();
  const server = await servers.open(configurationOf(binary, env, params), () =>
    initialize(first ?? spawnServer(binary, env), params),
  );
  // If it was lost, a notice says why.
  return server && !server.isLost ? remoteCache(server) : null;
}

/**
 * Warns if the next installation replaces this package by another company's, as after
 * `nx migrate @nx/powerpack-azure-cache@latest`.
 */
function warnOfLostAlias() {
  const root = workspaceRoot();
  const lost = lostAlias(root);
  if (!lost) return;
  const { repairCommand } = require('./lib/package-manager'); // not at each start
  const text =
    `${lost.section} in package.json has ${aliasName} ${lost.spec.slice(0, 100)} without the alias npm:${ownName} (did nx migrate write it?): ` +
    "the next installation replaces this package by another company's: run " +
    repairCommand(root);
  notice('alias', diagnostics.foreignPackage, text);
}

/**
 * @param {Server} server
 * @returns {RemoteCache}
 */
function remoteCache(server) {
  const {
    client,
    session: settings,
    run,
    lookups,
    localHits,
    record,
    tasks,
    paramsOfTask,
  } = server;
  const { mode, session, idleTimeout } = settings;
  const folderIn = (/** @type {string} */ cacheDirectory) =>
    ownFolder(cacheDirectory, session);
  tasks.folderIn = folderIn;
  tasks.onLocalHit = (hit) => localHits.add(hit);
  const root = workspaceRoot();
  const send = async (/** @type {object} */ params) => {
    run.storeSent();
    let isAccepted = false;
    try {
      const response = await client.call('store', params, idleTimeout);
      isAccepted = response?.queued === true;
      return response;
    } finally {
      run.storeAnswered(isAccepted);
    }
  };
  /** @type {RemoteCache} */
  const cache = {
    async retrieve(hash, cacheDirectory) {
      run.cacheDirectory ||= cacheDirectory;
      const about = paramsOfTask('retrieve', hash);
      if (!about) return excluded(hash, null);
      return lookups.retrieve(hash, cacheDirectory, async () => {
        try {
          const params = { hash, cacheDirectory, ...about };
          const hit = await client.call('retrieve', params, idleTimeout);
          // The server now has a folder there, which `run` may read.
          run.cacheDirectory = cacheDirectory;
          if (hit) localHits.skip(hash);
          return await toCachedResult(hit, folderIn(cacheDirectory));
        } catch (err) {
          run.failed('reading from', err);
          // A retry would download the same damaged entry again.
          return isDamaged(err) ? null : undefined;
        }
      });
    },

    async store(hash, cacheDirectory, terminalOutput, code) {
      // Do not await anything before this: it must see the result as Nx has just left it.
      const outputs = tasks.finish(hash, code !== 0);
      lookups.forget(hash);
      localHits.skip(hash);
      if (client.ended) return false;
      if (mode !== 'read-write') {
        if (code === 0) run.notStored();
        return false;
      }
      const took = record?.takeTook(hash);
      const declared = { workspaceRoot: root, outputs };
      const snapshot = takeSnapshot(hash, cacheDirectory, declared);
      run.cacheDirectory ||= cacheDirectory;
      const about = paramsOfTask('store', hash);
      if (!about) return excluded(hash, false);
      try {
        const response = await withOutput(
          client,
          folderIn(cacheDirectory),
          terminalOutput,
          (output) => {
            const result = { hash, cacheDirectory, code, ...output };
            return send({ ...result, ...about, snapshot, took });
          },
        );
        if (typeof response?.queued !== 'boolean') throw unexpectedResponse();
        const { queued, reason, diagnostic } = response;
        if (queued) run.cacheDirectory = cacheDirectory;
        else if (reason) run.refused(hash, reason, diagnostic);
        return queued;
      } catch (err) {
        run.failed('writing to', err);
        return false;
      }
    },
  };
  tasks.record(cache, record);
  return cache;
}

/**
 * Reports a result whose task is unknown. It is neither stored nor restored, because
 * azure.exclude may name its task to keep a secret out of the remote cache.
 *
 * @template T
 * @param {string} hash
 * @param {T} result for Nx
 */
function excluded(hash, result) {
  notice(
    'excluded',
    diagnostics.taskUnknown,
    `the remote cache is skipped for ${reasonOf(hash)}: azure.include or azure.exclude in nx.json needs its task, and Nx did not name it`,
  );
  return result;
}

/**
 * Converts a result of `retrieve` for Nx. Nx crashes on a hit whose `code` is not a
 * number or has more than 16 bits, or whose `terminalOutput` is null.
 *
 * @param {any} hit the result as in rpc/doc.go
 * @param {string} folder the server's folder
 * @returns {Promise<CachedResult | null>}
 */
async function toCachedResult(hit, folder) {
  if (hit === null) return null;
  if (typeof hit !== 'object') throw unexpectedResponse();
  const { code, outputsPath, size, terminalOutputPath } = hit;
  let { terminalOutput } = hit;
  if (terminalOutputPath !== undefined) {
    // The shim reads and removes this file, so it must be in the server's folder.
    if (
      path.dirname(path.resolve(String(terminalOutputPath))) !==
      path.resolve(folder)
    ) {
      throw unexpectedResponse();
    }
    try {
      terminalOutput = await fs
        .readFile(terminalOutputPath, 'utf8')
        .catch((err) => {
          throw fileError(folder, err);
        });
    } finally {
      await remove(terminalOutputPath);
    }
  }
  if (
    !Number.isInteger(code) ||
    typeof terminalOutput !== 'string' ||
    typeof outputsPath !== 'string'
  ) {
    throw unexpectedResponse();
  }
  if ((code << 16) >> 16 !== code) {
    const problem = `a stored entry has the exit code ${code}, which Nx cannot represent`;
    const err = Object.assign(new Error(problem), { code: damaged });
    throw withDiagnostic(diagnostics.entryDamaged, err);
  }
  return { code, terminalOutput, outputsPath, size };
}

/**
 * Calls `use` with the terminal output, inline or as a file. The server owns the file
 * once it has accepted the result.
 *
 * @param {import('./lib/client').Client} client
 * @param {string} folder the server's folder
 * @param {string} terminalOutput
 * @param {(output: { terminalOutput: string } | { terminalOutputPath: string }) => Promise<{ queued: boolean, reason: string, diagnostic?: string }>} use
 */
async function withOutput(client, folder, terminalOutput, use) {
  if (Buffer.byteLength(terminalOutput) <= inlineTerminalOutput) {
    return use({ terminalOutput });
  }
  const terminalOutputPath = path.join(folder, randomUUID());
  try {
    await writeOwnFile(terminalOutputPath, terminalOutput);
    return await use({ terminalOutputPath }).catch(async (err) => {
      if (await exists(terminalOutputPath)) throw err;
      // Before its first request there, the server holds no lock in this cache
      // directory, and another process may have removed its folder. It holds one now.
      await writeOwnFile(terminalOutputPath, terminalOutput);
      return use({ terminalOutputPath });
    });
  } finally {
    // Unless the server took it. One that has ended does not come back for its folder.
    if (client.ended) removeOwnFile(terminalOutputPath);
    else await remove(terminalOutputPath);
  }
}

/** @param {unknown} err */
function isDamaged(err) {
  return /** @type {{ code?: unknown }} */ (err).code === damaged;
}

/** @param {string} file */
async function exists(file) {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Removes a file. A file that stays wastes space but breaks nothing.
 *
 * @param {string} file
 */
async function remove(file) {
  await fs.rm(file, { force: true }).catch(() => {});
}

exports.getRemoteCache = getRemoteCache;
