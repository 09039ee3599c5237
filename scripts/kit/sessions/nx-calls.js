'use strict';

// Plays Nx in the sessions for the client, with calls that make the client send the requests of
// a session.

const { fileContent } = require('./values');

/** @import { RemoteCache } from '../../../npm/nx-azure-cache/index' */
/** @import { Session } from './parse' */
/** @import { Values } from './values' */

/**
 * A call of Nx. Nx makes it once the calls in `after` are settled: those that had their response
 * before in the session.
 *
 * @typedef {{ id: string | number, method: string, params: any, after: (string | number)[] }} Call
 */

/**
 * The calls of a session, and its nx.json.
 *
 * @param {Session} session
 * @param {Values} values
 */
function callsOf({ steps }, values) {
  /** @type {Call[]} */
  const calls = [];
  /** @type {{ azure: unknown, defaultBase?: string }} */
  const nxJson = { azure: { container: 'nx-cache' } };
  /** @type {Set<string | number>} */
  const answered = new Set();
  for (const { keyword, message, place } of steps) {
    if (keyword === '<') {
      const { id } = message.value ?? {};
      // Anything but a response may settle all of them.
      if (message.kind === 'message') answered.add(id);
      else for (const call of calls) answered.add(call.id);
    }
    if (keyword !== '>' || message.kind === 'close') continue;
    const { id, method, params } = message.value ?? {};
    if (!['initialize', 'retrieve', 'store'].includes(method)) {
      throw new Error(`${place}: no call of Nx sends this`);
    }
    if (method === 'initialize' && params.config !== undefined) {
      nxJson.azure = values.fill(params.config);
      nxJson.defaultBase = params.defaultBase;
    }
    const after = calls
      .map((call) => call.id)
      .filter((other) => answered.has(other));
    calls.push({ id, method, params: argumentsOf(params, values), after });
  }
  return { calls, nxJson };
}

/**
 * The arguments of a call, from the params that the client makes of them.
 *
 * @param {any} params
 * @param {Values} values
 */
function argumentsOf({ hash, cacheDirectory, code, task, ...output }, values) {
  const { terminalOutput, terminalOutputPath } = output;
  return {
    ...{ code, task },
    hash: values.substitute(hash ?? ''),
    cacheDirectory: values.substitute(cacheDirectory ?? ''),
    terminalOutput:
      fileContent(terminalOutputPath) ??
      values.substitute(terminalOutput ?? ''),
  };
}

/**
 * Plays Nx in a separate process; see `runAsNx`.
 *
 * @param {{ getRemoteCache: () => Promise<RemoteCache | null>, packageFolder: string }} client
 * @param {{ calls: Call[], done: string, report: string }} args `done` is a
 *   file that appears when the server has sent everything; `report` is a file for the results
 *   of the calls, which may not fit in a pipe
 */
async function playNx(
  { getRemoteCache, packageFolder },
  { calls, done, report },
) {
  const { createRequire } = require('node:module');
  /** @type {any} */
  let DbCache;
  // Loading it takes more CPU than all the rest, and the client needs it for tasks only.
  if (calls.some(({ params }) => params.task)) {
    ({ DbCache } = createRequire(`${packageFolder}/`)(
      'nx/src/tasks-runner/cache',
    ));
  }
  /** @type {Record<string, unknown>} */
  const results = {};
  /** @type {Record<string, Promise<void>>} */
  const pending = {};
  /** @type {RemoteCache | null} */
  let cache = null;
  /** @type {(call: Call) => Promise<unknown>} */
  const make = async ({ method, params }) => {
    if (method === 'initialize') {
      cache = await getRemoteCache();
      return cache ? 'on' : 'off';
    }
    const { hash, cacheDirectory, terminalOutput, code, task } = params;
    if (!cache) return 'there is no cache';
    if (task) {
      // Nx looks in its local cache first, and finds nothing.
      const local = { cache: { get: () => null } };
      await DbCache.prototype.get.call(local, { hash, target: task });
    }
    return method === 'retrieve'
      ? cache.retrieve(hash, cacheDirectory)
      : cache.store(hash, cacheDirectory, terminalOutput, code);
  };
  for (const call of calls) {
    await Promise.all(call.after.map((id) => pending[id]));
    pending[call.id] = make(call).then((result) => {
      results[call.id] = result;
    });
  }
  await Promise.all(Object.values(pending));
  // All calls are settled. The rest of the server's messages may arrive.
  const fs = require('node:fs');
  const turn = () => new Promise((resolve) => setTimeout(resolve, 10));
  while (!fs.existsSync(done)) await turn();
  await turn();
  await turn();
  fs.writeFileSync(report, JSON.stringify(results));
}

exports.callsOf = callsOf;
exports.playNx = playNx;
