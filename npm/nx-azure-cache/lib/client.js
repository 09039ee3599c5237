'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { reasonOf } = require('./reason');
const { trace } = require('./trace');
const { writeNow } = require('./write-now');

/** @import { ChildProcessWithoutNullStreams } from 'node:child_process' */
/** @import { MessageConnection } from 'vscode-jsonrpc/node' */

/**
 * The parameters of the server's notification `log`; see rpc/doc.go.
 *
 * @typedef {{ level: string, message: string, diagnostic?: string }} LogParams
 */

/**
 * The parameters of the notification `stored`; see rpc/doc.go.
 *
 * @typedef {object} StoredParams
 * @property {string} hash
 * @property {number} bytes
 * @property {'stored' | 'exists' | 'changed' | 'evicted' | 'refused' | 'differs' | 'failed'} outcome
 * @property {string} reason
 * @property {number} [code]
 * @property {string} [diagnostic] the code of the reason
 * @property {number} [more] other problems of the kind; only in the output of `drain`
 */

/**
 * @typedef {object} Listeners
 * @property {(params: LogParams) => void} onLog
 * @property {(params: StoredParams) => void} onStored
 * @property {(text: string) => void} onStderr
 * @property {(why: string, wasAsked: boolean) => void} onEnd called once, if the child
 *   exits or is killed before `close`. `wasAsked`: something outside this process asked
 *   it to exit
 */

/**
 * Milliseconds between the first sign of the child's end and the rejection of all calls.
 * The event 'close', which explains the most, may arrive in that time.
 */
const grace = 200;

/**
 * The idle timeout is counted in this many steps. A late step counts as one step, because
 * this process, and perhaps the child, was busy or was suspended by Ctrl-Z.
 */
const idleSteps = 10;

/**
 * After a child has exited, this many turns of the event loop without a message mean that
 * all its messages were received. The RPC library reads a message in one turn and
 * delivers it in another.
 */
const lastTurns = 4;

/**
 * A child process that speaks JSON-RPC on its stdio, and the calls to it.
 *
 * Every call settles, whatever happens to the child. A pending call keeps Node's event
 * loop alive; an idle child does not. A client never restarts its child. A cache that Nx
 * opens later may get another client (servers.js).
 */
class Client {
  /** @type {ChildProcessWithoutNullStreams} */
  #child;
  /** @type {MessageConnection} */
  #connection;
  /** @type {(message: object) => void} */
  #trace;
  #listeners;
  #pending = 0;
  /** Messages that may be in the pipe in part. */
  #writing = 0;
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
  /** The beginning of the child's stderr. */
  #stderr = '';

  /**
   * Starts the child. Rejects if it cannot be started.
   *
   * @param {string} file the executable
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} env its whole environment
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
        // On other systems a child outlives Node. On Windows it would end with Node,
        // before it has stored the remaining results and cleaned up.
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
      handle.on('error', () => {}); // 'exit' follows and explains more
    }

    // Loaded while the child starts, and only if needed.
    const rpc = require('vscode-jsonrpc/node');
    const reader = new rpc.StreamMessageReader(child.stdout);
    // After half a message, its timer would keep the event loop alive forever.
    reader.partialMessageTimeout = 0;
    const writer = new rpc.StreamMessageWriter(child.stdin);
    this.#trace = trace(reader, writer, env);
    this.#countWrites(writer);
    dropCancellations(reader);
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
    // Any output shows that the child is alive.
    child.stdout.on('data', () => this.#restartTimer());

    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(0, 4096);
      listeners.onStderr(text);
    });
    child.on('exit', () => this.#stopSoon());
    child.on('close', () => this.#stopAfterLastMessage());
  }

  /**
   * Calls a method and resolves to its result. Rejects with the server's error (`code`,
   * `message`), or with an error that says why there is no response.
   *
   * @param {string} method
   * @param {object} params
   * @param {number} idleTimeout the child is killed after this many milliseconds without
   *   a new call, a response or a sign of progress
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

  /**
   * Sends a notification while this process exits. It is written at once, because nothing
   * runs after that. If the child stops reading, this one and all later ones are lost. It
   * must not be written into another message, so nothing is sent while one is in the pipe in
   * part. Reports whether the message is on its way.
   *
   * @param {string} method
   * @param {object} params
   */
  notifyAtExit(method, params) {
    if (this.#ended || this.#writing > 0) return false;
    const message = { jsonrpc: '2.0', method, params };
    this.#trace(message);
    const body = Buffer.from(JSON.stringify(message));
    const header = Buffer.from(`Content-Length: ${body.length}\r\n\r\n`);
    return writeNow(this.#child.stdin, Buffer.concat([header, body]));
  }

  /**
   * Counts the messages that are being written. A message has two parts, and each may wait for
   * the child to read. A write ends once the pipe has all of the message.
   *
   * @param {import('vscode-jsonrpc').MessageWriter} writer
   */
  #countWrites(writer) {
    const { write } = writer;
    writer.write = async (message) => {
      this.#writing++;
      try {
        await write.call(writer, message);
      } finally {
        this.#writing--;
      }
    };
  }

  /** Whether the client has ended: it receives no more responses. */
  get ended() {
    return this.#ended;
  }

  /** Milliseconds during which calls were pending. */
  get waited() {
    return this.#waited;
  }

  /**
   * Resumes a child that was suspended (SIGSTOP). Otherwise it would never notice that its
   * stdin is closed, and would stay forever. Does nothing to a running child.
   */
  resume() {
    const hasSignals = process.platform !== 'win32';
    if (hasSignals && !this.#ended) this.#child.kill('SIGCONT');
  }

  /** Closes the child's stdin, at which it exits. */
  close() {
    this.#ended = true;
    this.#setEnd('the cache process is closed');
    this.#connection.dispose();
    this.#child.stdin.end();
  }

  /** Restarts the idle timeout if calls are pending. */
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
   * Stops after a grace period, unless 'close' comes first. After 'close', everything
   * that the child wrote has arrived. It does not come while the child is alive or another
   * process holds its pipes.
   *
   * @param {unknown} [why]
   */
  #stopSoon(why) {
    // After a busy event loop, timers fire before the child's pending events, and
    // immediates after them.
    setTimeout(() => setImmediate(() => this.#stop(why)), grace).unref();
  }

  /**
   * Stops once all messages that the child wrote before its exit are received. One of
   * them may say that a result was accepted.
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
   * Rejects all pending and future calls. Only the first call of this method counts.
   *
   * @param {unknown} [why] used only while the child is alive
   */
  #stop(why) {
    if (this.#ended) return;
    this.#ended = true;
    const exitReason = this.#exitReason(why);
    this.#setEnd(exitReason);
    this.#listeners.onEnd(exitReason, this.#wasAsked);
    // The RPC library settles pending calls only when it is disposed
    // (vscode-languageserver-node#1621).
    this.#connection.dispose();
    this.#child.kill('SIGKILL');
  }

  /**
   * Whether something outside this process asked the child to exit. The server handles
   * SIGTERM and then exits with code 0.
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
 * Whether an error is a response of the server. The RPC library has its own codes for
 * messages that it could not send or receive.
 *
 * @param {unknown} err
 */
function isServerError(err) {
  const { ResponseError } = require('vscode-jsonrpc/node');
  return (
    err instanceof ResponseError && !(err.code >= -32099 && err.code <= -32096)
  );
}

/**
 * Makes a reader drop the server's cancellations: the server sends no requests, so it has
 * none to cancel. The RPC library ends the connection at one without an `id`.
 *
 * @param {import('vscode-jsonrpc').MessageReader} reader
 */
function dropCancellations(reader) {
  const { listen } = reader;
  reader.listen = (callback) =>
    listen.call(reader, (message) => {
      const { method } = /** @type {{ method?: string }} */ (message);
      if (method !== '$/cancelRequest') callback(message);
    });
}

exports.Client = Client;
