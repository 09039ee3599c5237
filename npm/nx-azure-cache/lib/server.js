'use strict';

const { Client } = require('./client');
const { Lookups } = require('./lookups');
const { onExit, notice, write } = require('./notices');
const { version } = require('../package.json');
const { reasonOf } = require('./reason');
const { Run } = require('./run');
const { checkSession } = require('./session');
const { watchSignals } = require('./signals');
const { NxTasks, listenToNx, rejectsLinks } = require('./tasks');
const { readWorkspace } = require('./workspace');

/** @import { Known } from './tasks' */

/** The version of the protocol in rpc/doc.go. */
const protocolVersion = 1;

/**
 * Milliseconds until a child that does not answer is given up. It answers in
 * about 10 ms; a virus scanner that sees the binary for the first time may
 * take seconds.
 */
const startTimeout = 10_000;

/**
 * A server, and what this process knows of it.
 *
 * @typedef {object} Server
 * @property {Client} client
 * @property {import('./run').Session} session
 * @property {Run} run
 * @property {Lookups} lookups
 * @property {NxTasks} tasks
 * @property {ReturnType<typeof taskParams>} paramsOfTask
 * @property {boolean} isLost
 */

/**
 * Whether a server may depend on a variable. Nx sets many of its own ones in this
 * process, and others for each run of tasks, such as NX_STREAM_OUTPUT. Of those with
 * Nx's prefix the binary reads the ones that are named here.
 *
 * @param {string} name
 */
const affectsServer = (name) =>
  !/^NX_/i.test(name) ||
  /^NX_(AZURE_CACHE_|POWERPACK_|ALLOW_INSECURE_DIRECTORIES$)/i.test(name);

/**
 * All that a server depends on. Variables have no order.
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
 * @param {NodeJS.ProcessEnv} env all that it gets
 */
function spawnServer(binary, env) {
  const lookups = new Lookups();
  /** @type {{ run?: Run }} `run` is there once it is enabled */
  const state = {};
  const client = Client.start(binary, ['serve'], env, {
    onLog: ({ level, message }) => {
      const isLine = level !== 'debug' && typeof message === 'string';
      if (isLine && message.trim() !== '') notice(message, message);
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
 * Resolves to null, and lets the server end, if there is no cache to use.
 *
 * @param {ReturnType<typeof spawnServer>} spawned
 * @param {ReturnType<typeof initializeParams>} params
 * @returns {Promise<Server | null>}
 */
async function initialize({ binary, env, lookups, state, ...spawned }, params) {
  const client = await spawned.client;
  try {
    const session = await client.call('initialize', params, startTimeout);
    checkSession(session);
    if (session.enabled) {
      const { ci, nxVersion } = params;
      const tasks = observeTasks(session, nxVersion);
      const paramsOfTask = taskParams(tasks, session, nxVersion);
      const run = new Run({ binary, env, client, session, ci });
      state.run = run;
      watchSignals();
      onExit(() => run.end());
      return {
        ...{ client, session, run, lookups, tasks, paramsOfTask },
        get isLost() {
          return client.ended;
        },
      };
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

/**
 * What Nx says of its tasks. Throws if the server needs that and Nx does not say it.
 *
 * @param {import('./run').Session} session
 * @param {string} nxVersion
 */
function observeTasks(session, nxVersion) {
  try {
    return listenToNx({ isNeeded: session.tasks });
  } catch (cause) {
    if (!session.tasks) return new NxTasks();
    const [why] = reasonOf(cause).split('\n', 1);
    throw new Error(
      `azure.include and azure.exclude in nx.json need the task of each result, which Nx ${nxVersion} does not provide (${why}): remove both, or use Nx 20.0.6 to 24`,
      { cause },
    );
  }
}

/**
 * Returns what is sent of the task of a hash: only what the server needs. It is
 * undefined for a hash of which Nx has not said what the server must have.
 *
 * @param {NxTasks} tasks
 * @param {import('./run').Session} session
 * @param {string} nxVersion
 * @returns {(hash: string) => Known | undefined}
 */
function taskParams(tasks, session, nxVersion) {
  const withOutputs = rejectsLinks(nxVersion);
  return (hash) => {
    const { task, outputs } = tasks.about(hash);
    const about = withOutputs && outputs ? { outputs } : {};
    if (!session.tasks) return about;
    return task && { task, ...about };
  };
}

exports.configurationOf = configurationOf;
exports.initialize = initialize;
exports.initializeParams = initializeParams;
exports.spawnServer = spawnServer;
