'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { reasonOf } = require('./reason');
const { trace } = require('./trace');

/** @import { ChildProcessWithoutNullStreams } from 'node:child_process' */
/** @import { MessageConnection } from 'vscode-jsonrpc/node' */

/**
 * What a notification `log` of the server holds; see rpc/doc.go.
 *
 * @typedef {{ level: string, message: string }} LogParams
 */

/**
 * What a notification `stored` holds; see rpc/doc.go.
 *
 * @typedef {object} StoredParams
 * @property {string} hash
 * @property {number} bytes
 * @property {'stored' | 'exists' | 'changed' | 'evicted' | 'refused' | 'failed'} outcome
 * @property {string} reason
 * @property {number} [code]
 */

/**
 * @typedef {object} Listeners
 * @property {(params: LogParams) => void} onLog
 * @property {(params: StoredParams) => void} onStored
 * @property {(text: string) => void} onStderr
 * @property {(why: string, wasAsked: boolean) => void} onEnd called once when the
 *   child has ended, or was given up, before `close`. `wasAsked`: something else has
 *   asked it to end
 */

/**
 * Milliseconds between the first sign that there will be no more answers and
 * the end of all calls. In it 'close' may come, which says the most.
 */
const grace = 200;

/**
 * The steps in which idleTimeout ends. One that comes late counts as one: this
 * process was busy, or stopped by Ctrl-Z, and the child perhaps with it.
 */
const idleSteps = 10;

/**
 * Turns of the event loop without a message after which nothing more comes from
 * a child that has ended. The RPC library reads a message in one turn and hands
 * it on in another.
 */
const lastTurns = 4;

/**
 * A child process that speaks JSON-RPC on its stdio, and the calls to it.
 *
 * Every call is settled, whatever happens to the child. A pending call keeps
 * Node's event loop alive; an idle child does not. A client does not start its
 * child again. A cache that Nx opens later may get another client (servers.js).
 */
class Client {
  /** @type {ChildProcessWithoutNullStreams} */
  #child;
  /** @type {MessageConnection} */
  #connection;
  #listeners;
  #pending = 0;
  #received = 0;
  #busySince = 0;
  #waited = 0;
  #ended = false;
  /** Milliseconds of silence after which the child is killed. */
  #idleTimeout = Infinity;
  /**
   * Runs while calls are pending, and so keeps the event loop alive for them.
   * The child would not: its handle is gone before its calls are settled.
   *
   * @type {NodeJS.Timeout | undefined}
   */
  #timer;
  /** @type {(why: string) => void} */
  #setEnd = () => {};
  /** @type {Promise<string>} why there are no more answers */
  #end = new Promise((resolve) => (this.#setEnd = resolve));
  /** The first of what the child wrote to stderr. */
  #stderr = '';

  /**
   * Starts the child. Rejects when it cannot be started.
   *
   * @param {string} file the executable
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} env all that it gets
   * @param {Listeners} listeners
   */
  static async start(file, args, env, listeners) {
    let child;
    try {
      child = spawn(file, args, {
        // Not inherited: Nx may be drawing a full-screen UI on stderr.
        stdio: 'pipe',
        env,
        windowsHide: true,
        // Elsewhere a child outlives Node anyway; there Node's end would be its
        // end, before it has stored what is left and cleaned up.
        detached: process.platform === 'win32',
      });
      await once(child, 'spawn');
    } catch (cause) {
      throw new Error(`cannot run ${file}: ${reasonOf(cause)}`, { cause });
    }
    return new Client(child, env, listeners);
  }

  /**
   * @param {ChildProcessWithoutNullStreams} child that has just been started
   * @param {NodeJS.ProcessEnv} env its environment
   * @param {Listeners} listeners
   */
  constructor(child, env, listeners) {
    this.#child = child;
    this.#listeners = listeners;
    for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
      /** @type {{ unref?: () => void }} */ (handle).unref?.();
      handle.on('error', () => {}); // an end follows and says more
    }

    // Loaded while the child starts, and only by runs that need it.
    const rpc = require('vscode-jsonrpc/node');
    const reader = new rpc.StreamMessageReader(child.stdout);
    // Its timer would hold the event loop for ever after half a message.
    reader.partialMessageTimeout = 0;
    const writer = new rpc.StreamMessageWriter(child.stdin);
    trace(reader, writer, env);
    this.#connection = rpc.createMessageConnection(reader, writer, undefined, {
      messageStrategy: {
        handleMessage: (message, next) => {
          this.#received++;
          next(message);
        },
      },
    });
    this.#connection.onNotification('log', listeners.onLog);
    this.#connection.onNotification('stored', listeners.onStored);
    this.#connection.onError(([err]) => this.#stopSoon(err));
    this.#connection.onClose(() => this.#stopSoon('it closed a pipe'));
    this.#connection.listen();
    // Whatever it says: it lives.
    child.stdout.on('data', () => this.#restartTimer());

    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(0, 4096);
      listeners.onStderr(text);
    });
    child.on('exit', () => this.#stopSoon());
    child.on('close', () => this.#stopAfterLastMessage());
  }

  /**
   * Calls a method and resolves to its result. Rejects with the server's
   * error (`code`, `message`), or with one that says why there is no answer.
   *
   * @param {string} method
   * @param {object} params
   * @param {number} idleTimeout milliseconds after which the child is killed, in
   *   which no call begins, none is answered and no progress is told
   * @returns {Promise<any>}
   */
  async call(method, params, idleTimeout) {
    if (this.#pending++ === 0) this.#busySince = performance.now();
    this.#idleTimeout = idleTimeout;
    this.#restartTimer();
    try {
      return await this.#connection.sendRequest(method, params);
    } catch (err) {
      if (isServerError(err)) throw err;
      this.#stopSoon(err);
      throw new Error(await this.#end, { cause: err });
    } finally {
      if (--this.#pending === 0) {
        this.#waited += performance.now() - this.#busySince;
      }
      this.#restartTimer();
    }
  }

  /** Whether there will be no more answers. */
  get ended() {
    return this.#ended;
  }

  /** Milliseconds in which calls were pending. */
  get waited() {
    return this.#waited;
  }

  /**
   * Lets a child go on that was stopped (SIGSTOP): only then it notices that its
   * stdin ends, and does not stay for ever. Does nothing to one that runs.
   */
  resume() {
    const hasSignals = process.platform !== 'win32';
    if (hasSignals && !this.#ended) this.#child.kill('SIGCONT');
  }

  /** Lets the child end: it does so when its stdin ends. */
  close() {
    this.#ended = true;
    this.#setEnd('the cache process is closed');
    this.#connection.dispose();
    this.#child.stdin.end();
  }

  /** Begins to wait for the child anew, if anybody waits for it. */
  #restartTimer() {
    clearInterval(this.#timer);
    if (this.#pending === 0) return;
    const idleTimeout = this.#idleTimeout;
    let steps = idleSteps;
    this.#timer = setInterval(() => {
      if (--steps > 0) return;
      this.#stop(`it has not responded for ${idleTimeout / 1000} s`);
    }, idleTimeout / idleSteps);
  }

  /**
   * Stops unless 'close' does it before: only after that is nothing missing
   * that the child wrote. It does not come while the child lives, or another
   * process holds its pipes.
   *
   * @param {unknown} [why]
   */
  #stopSoon(why) {
    // After a busy event loop timers come before what the child has done
    // meanwhile; immediates come after it.
    setTimeout(() => setImmediate(() => this.#stop(why)), grace).unref();
  }

  /**
   * Stops when all that the child wrote before its end is received: an answer may
   * say that a result was accepted.
   */
  #stopAfterLastMessage() {
    let received = this.#received;
    let quiet = 0;
    const turn = () => {
      quiet = this.#received === received ? quiet + 1 : 0;
      received = this.#received;
      if (quiet < lastTurns) setImmediate(turn);
      else this.#stop();
    };
    turn();
  }

  /**
   * Settles all calls, now and from now on. Only the first time counts.
   *
   * @param {unknown} [why] it matters only while the child lives
   */
  #stop(why) {
    if (this.#ended) return;
    this.#ended = true;
    const exitReason = this.#exitReason(why);
    this.#setEnd(exitReason);
    this.#listeners.onEnd(exitReason, this.#wasAsked);
    // The RPC library leaves pending calls unsettled until it is disposed
    // (vscode-languageserver-node#1621).
    this.#connection.dispose();
    this.#child.kill('SIGKILL');
  }

  /**
   * Whether the child has ended as asked, by something else than this process. The
   * server handles SIGTERM, and ends with exit code 0 then.
   */
  get #wasAsked() {
    const { exitCode, signalCode } = this.#child;
    const requestedSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'];
    return exitCode === 0 || requestedSignals.includes(String(signalCode));
  }

  /** @param {unknown} why */
  #exitReason(why) {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      return `the cache process was stopped: ${reasonOf(why)}`;
    }
    const how = signalCode
      ? `was terminated by ${signalCode}`
      : exitCode === 0
        ? 'exited with code 0, as after SIGTERM'
        : `exited with code ${exitCode}`;
    const firstLine = this.#stderr
      .split('\n')
      .find((line) => line.trim() !== '');
    return `the cache process ${how}${firstLine ? `: ${firstLine.trim()}` : ''}`;
  }
}

/**
 * Whether an error is an answer of the server. The RPC library has codes of
 * its own for what it could not send or receive.
 *
 * @param {unknown} err
 */
function isServerError(err) {
  const { ResponseError } = require('vscode-jsonrpc/node');
  return (
    err instanceof ResponseError && !(err.code >= -32099 && err.code <= -32096)
  );
}

exports.Client = Client;
