'use strict';

const { spawn } = require('node:child_process');

/** @import { ChildProcessWithoutNullStreams } from 'node:child_process' */
/** @import { MessageConnection } from 'vscode-jsonrpc/node' */

/**
 * What a notification `log` of the server holds; see rpc/doc.go.
 *
 * @typedef {{ level: string, message: string }} LogParams
 */

/**
 * A child process that speaks JSON-RPC on its stdio, and the calls to it.
 *
 * Every call is settled, whatever happens to the child. A pending call keeps
 * Node's event loop alive; an idle child does not. A child that has ended is
 * not started again: one process, one chance.
 */
class Client {
  /** @type {ChildProcessWithoutNullStreams} */
  #child;
  /** @type {MessageConnection} */
  #connection;
  #pending = 0;
  /** @type {string | undefined} why there will be no more answers */
  #ended;
  /** The last of what the child wrote to stderr. */
  #stderr = '';

  /**
   * Starts the child. Throws when it cannot be started at all; other failures
   * reject the calls.
   *
   * @param {string} file the executable
   * @param {string[]} args
   * @param {{ onLog: (params: LogParams) => void, onStderr: (text: string) => void }} listeners
   */
  constructor(file, args, { onLog, onStderr }) {
    // stderr is piped, not inherited: Nx may be drawing a full-screen UI on it.
    this.#child = spawn(file, args, { stdio: 'pipe', windowsHide: true });
    const child = this.#child;
    child.once('error', (err) =>
      this.#end(`cannot run ${file}: ${err.message}`),
    );
    child.once('exit', (code, signal) =>
      this.#endSoon(() => this.#epitaph(code, signal)),
    );
    child.once('close', (code, signal) =>
      this.#end(this.#epitaph(code, signal)),
    );
    child.stdin.on('error', () => {}); // 'close' follows and says more
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4096);
      onStderr(text);
    });

    // Loaded while the child starts, and only by runs that need it.
    const rpc = require('vscode-jsonrpc/node');
    this.#connection = rpc.createMessageConnection(
      new rpc.StreamMessageReader(child.stdout),
      new rpc.StreamMessageWriter(child.stdin),
    );
    this.#connection.onError(() => {}); // the failed call carries the error
    this.#connection.onClose(() =>
      this.#endSoon(() => 'the cache process closed its output'),
    );
    this.#connection.onNotification('log', onLog);
    this.#connection.listen();
    if (this.#ended) this.#connection.dispose();

    this.#unref();
  }

  /**
   * Calls a method and resolves to its result. Rejects with the server's
   * error (`code`, `message`), or with one that says why there is no answer.
   *
   * @param {string} method
   * @param {object} params
   * @param {{ timeout?: number }} [options] milliseconds; the child is killed
   *   when there is no answer by then
   * @returns {Promise<any>}
   */
  async call(method, params, { timeout } = {}) {
    if (this.#ended) throw new Error(this.#ended);
    if (this.#pending++ === 0) this.#child.ref();
    const timer =
      timeout &&
      setTimeout(() => {
        this.#end(`no answer to ${method} within ${timeout / 1000} s`);
        this.#child.kill('SIGKILL');
      }, timeout);
    try {
      return await this.#connection.sendRequest(method, params);
    } catch (err) {
      throw this.#ended ? new Error(this.#ended, { cause: err }) : err;
    } finally {
      clearTimeout(timer);
      if (--this.#pending === 0) this.#child.unref();
    }
  }

  /** Lets the child end: it does so when its stdin ends. */
  close() {
    this.#end('closed');
    this.#child.stdin.end();
  }

  /**
   * Settles all calls, now and from now on. May be called more than once.
   *
   * @param {string} why
   */
  #end(why) {
    this.#ended ??= why;
    // The RPC library leaves pending calls unsettled until it is disposed
    // (vscode-languageserver-node#1621).
    this.#connection?.dispose();
  }

  /**
   * Ends unless 'close' comes first, which says the most: after it nothing the
   * child wrote is missing. It may never come (a process of the child's holds
   * the pipe), and by itself it would not keep the event loop alive for the
   * calls that wait.
   *
   * @param {() => string} why
   */
  #endSoon(why) {
    const timer = setTimeout(() => this.#end(why()), 200);
    if (this.#pending === 0) timer.unref();
  }

  /**
   * @param {number | null} code
   * @param {string | null} signal
   */
  #epitaph(code, signal) {
    const how = signal
      ? `was ended by ${signal}`
      : `ended with exit code ${code}`;
    const said = this.#stderr.split('\n').find((line) => line.trim() !== '');
    return `the cache process ${how}${said ? `: ${said.trim()}` : ''}`;
  }

  #unref() {
    const { stdin, stdout, stderr } = this.#child;
    for (const handle of [this.#child, stdin, stdout, stderr]) {
      /** @type {{ unref?: () => void }} */ (handle).unref?.();
    }
  }
}

exports.Client = Client;
