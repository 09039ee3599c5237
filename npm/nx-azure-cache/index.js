'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { binaryPath } = require('./binary');
const { Client } = require('./client');
const { readEnvironment } = require('./environment');
const { fileError, refusal } = require('./file-error');
const { beforeTheEnd, notice, write } = require('./notices');
const { version } = require('./package.json');
const { reasonOf } = require('./reason');
const { Run } = require('./run');
const { checkSession, nonsense } = require('./session');
const { learnTasks } = require('./tasks');
const { readWorkspace, workspaceRoot } = require('./workspace');

/** @import { RemoteCache, CachedResult } from './index' */
/** @import { Task } from './tasks' */

/** The version of the protocol in rpc/doc.go. */
const protocolVersion = 1;

/**
 * Milliseconds until a child that does not answer is given up. It answers in
 * about 10 ms; a virus scanner that sees the binary for the first time may
 * take seconds.
 */
const startPatience = 10_000;

/** The error code of rpc/doc.go for an entry that is not to be used. */
const damaged = 3;

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
    notice('start', `the remote cache is off: ${reasonOf(err)}`);
    return null;
  }
}

/** @returns {Promise<RemoteCache | null>} */
async function open() {
  const environment = readEnvironment(workspaceRoot());
  const env = environment.variables;
  const binary = binaryPath({ env });
  /** @type {Run | undefined} */
  let run;
  const client = await Client.start(binary, ['serve'], env, {
    onLog: ({ level, message }) => {
      const isLine = level !== 'debug' && typeof message === 'string';
      if (isLine && message.trim() !== '') notice(message, message);
    },
    onStderr: (text) => showLog(text, env),
    onStored: (params) => run?.stored(params),
    onEnd: (why) => run?.lost(why),
  });
  try {
    const params = initializeParams(environment);
    const session = await client.call('initialize', params, startPatience);
    checkSession(session);
    if (session.enabled) {
      const taskOf = session.tasks ? listenToNx(params.nxVersion) : undefined;
      const { ci } = params;
      const started = new Run({ binary, env, client, session, ci });
      run = started;
      beforeTheEnd((code) => started.end(code));
      return remoteCache(client, session, started, taskOf);
    }
    if (session.mode !== 'no-cache') {
      notice('start', `the remote cache is off: ${reasonOf(session.reason)}`);
    }
  } catch (err) {
    client.close();
    throw err;
  }
  client.close();
  return null;
}

/**
 * Shows the log of the child if the user has asked for it: the rest shows in the
 * reason of an end. Nx's TUI leaves no place for it; NX_AZURE_CACHE_LOG_FILE
 * does.
 *
 * @param {string} text
 * @param {NodeJS.ProcessEnv} env without what .env files add
 */
function showLog(text, { NX_AZURE_CACHE_LOG }) {
  if (NX_AZURE_CACHE_LOG && process.env.NX_TUI !== 'true') write(text);
}

/** @param {import('./environment').Environment} environment */
function initializeParams(environment) {
  return {
    protocolVersion,
    clientVersion: version,
    processId: process.pid,
    ...readWorkspace(environment),
  };
}

/** @param {string} nxVersion */
function listenToNx(nxVersion) {
  try {
    return learnTasks();
  } catch (cause) {
    throw new Error(
      `azure.include and azure.exclude in nx.json need to know the task of a result, and Nx ${nxVersion} does not tell: ${reasonOf(cause).split('\n', 1)[0]}; remove both, or use an Nx from 20.0.6 to 24`,
      { cause },
    );
  }
}

/**
 * @param {Client} client
 * @param {import('./run').Session} session
 * @param {Run} run
 * @param {(hash: string) => Task | undefined} [taskOf] there if it depends on the
 *   task whether its result is cached
 * @returns {RemoteCache}
 */
function remoteCache(client, { mode, session, patience }, run, taskOf) {
  const folderIn = (/** @type {string} */ cacheDirectory) =>
    path.join(cacheDirectory, '.nx-azure-cache', session);
  return {
    async retrieve(hash, cacheDirectory) {
      run.cacheDirectory = cacheDirectory;
      const task = taskOf?.(hash);
      if (taskOf && !task) return leftOut(hash, null);
      try {
        const params = { hash, cacheDirectory, task };
        const hit = await client.call('retrieve', params, patience);
        return await toNx(hit, folderIn(cacheDirectory));
      } catch (err) {
        run.failed('reading from', err);
        return null;
      }
    },

    async store(hash, cacheDirectory, terminalOutput, code) {
      if (mode !== 'read-write' || client.ended) return false;
      run.cacheDirectory = cacheDirectory;
      const task = taskOf?.(hash);
      if (taskOf && !task) return leftOut(hash, false);
      try {
        const answer = await withOutput(
          folderIn(cacheDirectory),
          terminalOutput,
          (output) => {
            const params = { hash, cacheDirectory, code, ...output, task };
            return client.call('store', params, patience);
          },
        );
        if (typeof answer?.queued !== 'boolean') throw new Error(nonsense);
        const { queued, reason } = answer;
        if (queued) run.accepted();
        else if (reason) run.refused(hash, reason);
        return queued;
      } catch (err) {
        run.failed('writing to', err);
        return false;
      }
    },
  };
}

/**
 * What is left out of the remote cache may be secret: it is not for a result of
 * which nobody knows whether it is.
 *
 * @template T
 * @param {string} hash
 * @param {T} answer for Nx
 */
function leftOut(hash, answer) {
  notice(
    'left out',
    `the remote cache is not used for ${hash}: Nx has not said whose result that is, and azure.include or azure.exclude in nx.json depend on it`,
  );
  return answer;
}

/**
 * A result of `retrieve` as Nx wants it. Nx crashes on a hit whose `code` is
 * no number or has more than 16 bits, or whose `terminalOutput` is null.
 *
 * @param {any} hit the result as it is in rpc/doc.go
 * @param {string} folder of the server
 * @returns {Promise<CachedResult | null>}
 */
async function toNx(hit, folder) {
  if (hit === null) return null;
  if (typeof hit !== 'object') throw new Error(nonsense);
  const { code, outputsPath, size, terminalOutputPath } = hit;
  let { terminalOutput } = hit;
  if (terminalOutputPath !== undefined) {
    // It is read and removed: nothing else may be.
    if (
      path.dirname(path.resolve(String(terminalOutputPath))) !==
      path.resolve(folder)
    ) {
      throw new Error(nonsense);
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
    throw new Error(nonsense);
  }
  if ((code << 16) >> 16 !== code) {
    const problem = `a result has the exit code ${code}, which Nx cannot hold`;
    throw Object.assign(new Error(problem), { code: damaged });
  }
  return { code, terminalOutput, outputsPath, size };
}

/**
 * Runs use with the terminal output in the form in which it travels. A file is
 * the server's once it has accepted the result.
 *
 * @param {string} folder of the server
 * @param {string} terminalOutput
 * @param {(output: { terminalOutput: string } | { terminalOutputPath: string }) => Promise<{ queued: boolean, reason: string }>} use
 */
async function withOutput(folder, terminalOutput, use) {
  if (Buffer.byteLength(terminalOutput) <= inlineTerminalOutput) {
    return use({ terminalOutput });
  }
  const terminalOutputPath = path.join(folder, randomUUID());
  try {
    await writeAside(terminalOutputPath, terminalOutput);
    return await use({ terminalOutputPath }).catch(async (err) => {
      if (await exists(terminalOutputPath)) throw err;
      // Until its first request there the server has no lock in this cache
      // directory, and another process may have removed its folder. Now it has.
      await writeAside(terminalOutputPath, terminalOutput);
      return use({ terminalOutputPath });
    });
  } finally {
    await remove(terminalOutputPath); // if it is still there
  }
}

/**
 * Writes a new file in a server's folder, which another process may be removing:
 * `nx reset`, or a server that leaves its own folder beside it.
 *
 * @param {string} file
 * @param {string} text
 */
async function writeAside(file, text) {
  for (let tries = 10; ; tries--) {
    try {
      await makeFolder(path.dirname(path.dirname(file)));
      await makeFolder(path.dirname(file), { isPrivate: true });
      // wx follows no link. The text may be for this user's eyes only.
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
 * Makes a folder if it is not there. Throws if what is there is no real folder:
 * Node's `recursive` would follow a link, to wherever a repository points it. The
 * server gives the folder the mode it is to have.
 *
 * @param {string} folder
 * @param {{ isPrivate?: boolean }} [options] `isPrivate`: it must be this user's
 */
async function makeFolder(folder, { isPrivate = false } = {}) {
  await fs.mkdir(folder, { mode: 0o700 }).catch((err) => {
    if (err.code !== 'EEXIST') throw err;
  });
  const info = await fs.lstat(folder);
  if (!info.isDirectory()) {
    const kind = info.isSymbolicLink() ? 'a symbolic link' : 'not a directory';
    throw refusal(
      `${folder} is ${kind}, and the remote cache follows no link and replaces no file there (does the repository commit it?): delete it`,
    );
  }
  if (isPrivate && process.geteuid && info.uid !== process.geteuid()) {
    throw refusal(
      `${folder} belongs to the user ${info.uid} (did another user of this machine make it first?): delete it, or set cacheDirectory in nx.json to a directory of your own`,
    );
  }
}

/** @param {string} file */
async function exists(file) {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Removes a file. One that cannot be removed costs space, not correctness.
 *
 * @param {string} file
 */
async function remove(file) {
  await fs.rm(file, { force: true }).catch(() => {});
}

exports.getRemoteCache = getRemoteCache;
