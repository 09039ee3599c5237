'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { binaryPath } = require('./lib/binary');
const { codeOf, diagnostics, withDiagnostic } = require('./lib/diagnostics');
const { readEnvironment } = require('./lib/environment');
const { fileError, fileSystemError } = require('./lib/file-error');
const { annotateInCI, silenceInTask, notice } = require('./lib/notices');
const { aliasName, ownName } = require('./lib/other-caches');
const { reportOff } = require('./lib/off');
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
    tasks,
    paramsOfTask,
  } = server;
  const { mode, session, idleTimeout } = settings;
  const folderIn = (/** @type {string} */ cacheDirectory) =>
    path.join(cacheDirectory, '.nx-azure-cache', session);
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
  return {
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
      const declared = { workspaceRoot: root, outputs };
      const snapshot = takeSnapshot(hash, cacheDirectory, declared);
      run.cacheDirectory ||= cacheDirectory;
      const about = paramsOfTask('store', hash);
      if (!about) return excluded(hash, false);
      try {
        const response = await withOutput(
          folderIn(cacheDirectory),
          terminalOutput,
          (output) => {
            const result = { hash, cacheDirectory, code, ...output };
            const params = { ...result, ...about, snapshot };
            return send(params);
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
 * @param {string} folder the server's folder
 * @param {string} terminalOutput
 * @param {(output: { terminalOutput: string } | { terminalOutputPath: string }) => Promise<{ queued: boolean, reason: string, diagnostic?: string }>} use
 */
async function withOutput(folder, terminalOutput, use) {
  if (Buffer.byteLength(terminalOutput) <= inlineTerminalOutput) {
    return use({ terminalOutput });
  }
  const terminalOutputPath = path.join(folder, randomUUID());
  try {
    await writePrivateFile(terminalOutputPath, terminalOutput);
    return await use({ terminalOutputPath }).catch(async (err) => {
      if (await exists(terminalOutputPath)) throw err;
      // Before its first request there, the server holds no lock in this cache
      // directory, and another process may have removed its folder. It holds one now.
      await writePrivateFile(terminalOutputPath, terminalOutput);
      return use({ terminalOutputPath });
    });
  } finally {
    await remove(terminalOutputPath); // unless the server took it
  }
}

/**
 * Writes a new file in a server's folder. Another process may be removing the folder,
 * such as `nx reset` or a server that cleans up its own folder beside it.
 *
 * @param {string} file
 * @param {string} text
 */
async function writePrivateFile(file, text) {
  for (let tries = 10; ; tries--) {
    try {
      await makeFolder(path.dirname(path.dirname(file)), { isShared: true });
      await makeFolder(path.dirname(file), { isPrivate: true });
      // wx follows no link. The output may be private to this user.
      return await fs.writeFile(file, text, { flag: 'wx', mode: 0o600 });
    } catch (err) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (err);
      if (code !== 'ENOENT' || tries === 1) {
        throw fileError(path.dirname(path.dirname(path.dirname(file))), err);
      }
    }
  }
}

/**
 * Creates a folder unless it exists. Throws if the path is not a real folder: Node's
 * `recursive` would follow a link to wherever a repository points it. The server sets the
 * folder's final mode.
 *
 * @param {string} folder
 * @param {{ isPrivate?: boolean, isShared?: boolean }} [options] `isPrivate`: this user
 *   must own it; `isShared`: anyone who may use its parent may use it, too
 */
async function makeFolder(
  folder,
  { isPrivate = false, isShared = false } = {},
) {
  const parent = path.dirname(folder);
  const mode = isShared
    ? ((await fs.stat(parent)).mode & 0o775) | 0o700
    : 0o700;
  await fs.mkdir(folder, { mode }).catch(async (err) => {
    if (err.code === 'EACCES') throw await notWritable(parent);
    if (err.code !== 'EEXIST') throw err;
  });
  const info = await fs.lstat(folder);
  if (!info.isDirectory()) {
    const kind = info.isSymbolicLink() ? 'a symbolic link' : 'not a directory';
    throw occupied(
      `${folder} is ${kind}; the remote cache follows no links and replaces no files there (is it committed to the repository?): delete it`,
    );
  }
  if (isPrivate && process.geteuid && info.uid !== process.geteuid()) {
    throw occupied(
      `${folder} belongs to user ${info.uid} (did another user of this machine create it first?): delete it, or set cacheDirectory in nx.json to a directory of your own`,
    );
  }
}

/** @param {string} folder in which this user may not create anything */
async function notWritable(folder) {
  const { uid, mode } = await fs.stat(folder);
  const octal = (mode & 0o777).toString(8).padStart(3, '0');
  return occupied(
    `this user cannot write to ${folder}, which belongs to user ${uid} and has mode ${octal} (did Nx run with sudo?): delete it as that user, or set cacheDirectory in nx.json to a directory of your own`,
  );
}

/** @param {string} text about something else at the place of the cache's folder */
function occupied(text) {
  return withDiagnostic(diagnostics.folderOccupied, fileSystemError(text));
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
