'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { Conversation } = require('./conversation');

/** @import { Values } from './values' */

/** One client of a session, and the server process that it started. */
class ServerClient extends Conversation {
  stderr = '';
  /** The session has closed the server's stdin. */
  isClosed = false;
  /** The session has waited for the end of the server's stdout. */
  isEnded = false;
  /** The session has waited for the end of the process. */
  isGone = false;

  /**
   * Starts a server.
   *
   * @param {string} server path of the program
   * @param {{ env: NodeJS.ProcessEnv, cwd: string, limit: number }} options
   */
  constructor(server, { env, cwd, limit }) {
    const child = spawn(server, ['serve'], { env, stdio: 'pipe', cwd });
    super(child.stdout, child.stdin, limit);
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.gone = once(child, 'close');
    this.gone.catch(() => {}); // `exited` reports it
  }

  async closeStdin() {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.close();
  }

  async waitForEnd() {
    this.isEnded = true;
    await this.ended();
  }

  /**
   * Waits for the end of the process, and checks its exit code and stderr.
   *
   * @param {Values} values
   * @param {number} code
   * @param {string} stderr
   */
  async exited(values, code, stderr) {
    this.isGone = true;
    const timer = new AbortController();
    const late = sleep(this.limit, ['late'], { signal: timer.signal });
    late.catch(() => {}); // it is aborted
    const [got, signal] = await Promise.race([this.gone, late]);
    timer.abort();
    if (got === 'late') throw new Error('the server did not exit');
    const wrong = values.differences(stderr, this.stderr, 'stderr');
    if (got !== code) {
      wrong.unshift(`want the exit code ${code}, got ${got ?? signal}`);
    }
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  }

  /**
   * Ends the streams and the process, if the session has not.
   *
   * @param {Values} values
   */
  async finish(values) {
    await this.closeStdin();
    if (!this.isEnded) await this.waitForEnd();
    if (!this.isGone) await this.exited(values, 0, '');
  }

  /** Kills the server if it still runs. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.gone.catch(() => {}); // the server could not start
  }
}

exports.ServerClient = ServerClient;
