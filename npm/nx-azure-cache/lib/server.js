'use strict';

const { Client } = require('./client');
const { handOver } = require('./hand-over');
const { LocalHits } = require('./local-hits');
const { Lookups } = require('./lookups');
const { onExit, notice, taskVariables, write } = require('./notices');
const { version } = require('../package.json');
const { codeOf, diagnostics, withDiagnostic } = require('./diagnostics');
const { reportOff } = require('./off');
const { firstLine } = require('./reason');
const { Run } = require('./run');
const { RunRecord } = require('./run-record');
const { checkSession } = require('./session');
const { isInterrupted, watchSignals } = require('./signals');
const { readOnlyReason, showsSummary } = require('./summary-line');
const { NxTasks, observeNx, rejectsLinks } = require('./tasks');
const { readWorkspace } = require('./workspace');

/** @import { Known } from './tasks' */

/** The protocol version in rpc/doc.go. */
const protocolVersion = 1;

/**
 * Milliseconds after which a child that does not respond is killed. It usually responds
 * within 10 ms; a virus scanner that sees the binary for the first time may take seconds.
 */
const startTimeout = 10_000;

/**
 * A server, and what this process knows about it.
 *
 * @typedef {object} Server
 * @property {Client} client
 * @property {import('./run').Session} session
 * @property {Run} run
 * @property {Lookups} lookups
 * @property {LocalHits} localHits
 * @property {RunRecord} [record] if the server wants it
 * @property {NxTasks} tasks
 * @property {ReturnType<typeof taskParams>} paramsOfTask
 * @property {boolean} isLost
 */

/**
 * Whether a server may depend on a variable. Nx sets many of its own variables in this
 * process, and changes some for each run of tasks, such as NX_STREAM_OUTPUT. Of those with
 * Nx's prefix, the binary reads only the ones below.
 *
 * @param {string} name
 */
const affectsServer = (name) =>
  !/^NX_/i.test(name) ||
  /^NX_(AZURE_CACHE_|POWERPACK_|ALLOW_INSECURE_DIRECTORIES$)/i.test(name) ||
  taskVariables.includes(name);

/**
 * Everything that a server depends on. The order of variables does not matter.
 *
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env
 * @param {ReturnType<typeof initializeParams>} params
 */
function configurationOf(binary, env, { claims = [], ...params }) {
  const variables = Object.entries(env).filter(([name]) => affectsServer(name));
  const read = claims.filter(({ name }) => affectsServer(name));
  const claimStrings = read.map((claim) => JSON.stringify(claim));
  return [binary, variables.sort(), claimStrings.sort(), params];
}

/**
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} env its whole environment
 */
function spawnServer(binary, env) {
  const lookups = new Lookups();
  /** @type {{ run?: Run }} `run` is set once the cache is enabled */
  const state = {};
  const client = Client.start(binary, ['serve'], env, {
    onLog: ({ level, message, diagnostic }) => {
      const isLine = level !== 'debug' && typeof message === 'string';
      if (isLine && message.trim() !== '') notice(message, diagnostic, message);
    },
    onStderr: (text) => showLog(text, env),
    onStored: (params) => {
      lookups.forget(params.hash);
      state.run?.stored(params);
    },
    onEnd: (why, wasAsked) => state.run?.lost(why, wasAsked),
  });
  return { binary, env, client, lookups, state };
}

/**
 * Initializes a server. If there is no cache to use, closes it and resolves to null.
 *
 * @param {ReturnType<typeof spawnServer>} spawned
 * @param {ReturnType<typeof initializeParams>} params
 * @returns {Promise<Server | null>}
 */
async function initialize({ binary, env, lookups, state, ...spawned }, params) {
  const client = await spawned.client;
  const started = Date.now();
  try {
    const session = await client.call('initialize', params, startTimeout);
    checkSession(session);
    if (session.enabled) {
      const { ci, nxVersion, config } = params;
      const tasks = observeTasks(session, nxVersion);
      const paramsOfTask = taskParams(tasks, session, nxVersion);
      const { isShown, problem } = showsSummary(env, ci);
      if (problem) {
        notice('summary variable', diagnostics.settingInvalid, problem);
      }
      const localHits = new LocalHits();
      const record =
        session.records === true
          ? new RunRecord({ started, withTargets: session.tasks })
          : undefined;
      const run = new Run({
        ...{ binary, env, client, session, localHits, showsSummary: isShown },
        readOnlyBy: readOnlyReason(config, ci),
      });
      state.run = run;
      watchSignals();
      onExit(() => {
        if (session.backfill === true && !isInterrupted()) {
          sendLocalHits(client, localHits, paramsOfTask);
        }
        // The last message. The record waits for what came before.
        const cacheDirectory = record && handOver(client, session, record);
        const isAwaited = session.recordAwaited === true;
        run.end(cacheDirectory ? { cacheDirectory, isAwaited } : undefined);
      });
      return {
        ...{ client, session, run, lookups, localHits, record },
        ...{ tasks, paramsOfTask },
        get isLost() {
          return client.ended;
        },
      };
    }
    if (session.mode !== 'no-cache') {
      const code = codeOf(session) ?? diagnostics.settingInvalid;
      reportOff(code, session.reason, params);
    }
  } catch (err) {
    client.close();
    throw err;
  }
  client.close();
  return null;
}

/**
 * Passes local hits to the server, which stores those that the remote cache lacks. It does
 * that after the run, so that Nx waits for nothing.
 *
 * @param {Client} client
 * @param {LocalHits} localHits
 * @param {ReturnType<typeof taskParams>} paramsOfTask
 */
function sendLocalHits(client, localHits, paramsOfTask) {
  for (const [cacheDirectory, all] of localHits.byDirectory()) {
    const hits = all.flatMap(({ hash, size }) => {
      const about = paramsOfTask('store', hash);
      return about ? [{ hash, size, ...about }] : [];
    });
    client.notifyAtExit('localHits', { cacheDirectory, hits });
  }
}

/**
 * Shows the child's log if the user asked for it. Otherwise, only its first line appears,
 * if the child exits. Nx's TUI leaves no room for a log; use NX_AZURE_CACHE_LOG_FILE.
 *
 * @param {string} text
 * @param {NodeJS.ProcessEnv} env without variables from .env files
 */
function showLog(text, { NX_AZURE_CACHE_LOG }) {
  if (NX_AZURE_CACHE_LOG && process.env.NX_TUI !== 'true') write(text);
}

/** @param {import('./environment').Environment} environment */
function initializeParams(environment) {
  try {
    return {
      protocolVersion,
      clientVersion: version,
      processId: process.pid,
      ...readWorkspace(environment),
    };
  } catch (err) {
    throw withDiagnostic(diagnostics.settingInvalid, err); // such as in nx.json
  }
}

/**
 * Observes Nx's tasks. Throws if the server needs them and Nx does not provide them.
 *
 * @param {import('./run').Session} session
 * @param {string} nxVersion
 */
function observeTasks(session, nxVersion) {
  try {
    return observeNx({ isNeeded: session.tasks });
  } catch (cause) {
    if (!session.tasks) return new NxTasks();
    const why = firstLine(cause);
    const text = `azure.include and azure.exclude in nx.json need the task of each result, which Nx ${nxVersion} does not provide (${why}): remove both, or use Nx 20.0.6 to 24`;
    throw withDiagnostic(diagnostics.taskUnknown, new Error(text, { cause }));
  }
}

/**
 * Returns a function from a request to the task's parameters in it: only those that the
 * server needs. It returns undefined if the server needs the task and Nx did not name it.
 *
 * @param {NxTasks} tasks
 * @param {import('./run').Session} session
 * @param {string} nxVersion
 * @returns {(method: 'retrieve' | 'store', hash: string) => Known | undefined}
 */
function taskParams(tasks, session, nxVersion) {
  const withOutputs = rejectsLinks(nxVersion);
  return (method, hash) => {
    const { task, outputs } = tasks.about(hash);
    if (session.tasks && !task) return undefined;
    // An entry contains the name of its task.
    const isNamed = task && (session.tasks || method === 'store');
    return {
      ...(isNamed && { task }),
      ...(withOutputs && outputs && { outputs }),
    };
  };
}

exports.configurationOf = configurationOf;
exports.initialize = initialize;
exports.initializeParams = initializeParams;
exports.spawnServer = spawnServer;
