'use strict';

// The fault proxy in a thread of its own: what the run does beside it (trees to
// read, folders to remove) must not make it slow.

const { EventEmitter, once } = require('node:events');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { connectionString } = require('../lib/azurite');
const { FaultProxy } = require('./proxy');

/** @import { MessagePort } from 'node:worker_threads' */
/** @import { HttpFault } from './faults' */

/**
 * What the thread is told: `begin` a round, be `calm`, pass requests on to a
 * `target` port. Each is answered when it is done.
 *
 * @typedef {{ do: 'begin', faults: HttpFault[] } | { do: 'calm' } | { do: 'target', port: number }} Command
 */

/**
 * What the thread tells: the proxy's port at first, the number of each request,
 * that a command is done.
 *
 * @typedef {{ tell: 'port', port: number } | { tell: 'request', number: number, line: string } | { tell: 'done' }} Told
 */

/**
 * The proxy, seen from the run. It emits `request` with the number of each
 * request of a round, from 1 on.
 *
 * @extends {EventEmitter<{ request: [number], done: [] }>}
 */
class ProxyThread extends EventEmitter {
  /** @type {Worker} */
  #worker;
  #port;
  /** @type {string[]} what was asked and done */
  log = [];

  /** @param {number} target the port of Azurite */
  static async start(target) {
    const worker = new Worker(__filename);
    const [{ port }] = await once(worker, 'message');
    const thread = new ProxyThread(worker, port);
    await thread.target(target);
    return thread;
  }

  /**
   * @param {Worker} worker
   * @param {number} port
   */
  constructor(worker, port) {
    super();
    this.setMaxListeners(0);
    this.#worker = worker;
    this.#port = port;
    worker.on('message', (/** @type {Told} */ told) => {
      if (told.tell === 'done') this.emit('done');
      if (told.tell !== 'request') return;
      this.log.push(told.line);
      this.emit('request', told.number);
    });
  }

  get connectionString() {
    return connectionString(this.#port);
  }

  /**
   * Begins a round with these faults.
   *
   * @param {HttpFault[]} faults
   */
  begin(faults) {
    return this.#command({ do: 'begin', faults });
  }

  /** Ends all faults; connections that they hold are closed. */
  calm() {
    return this.#command({ do: 'calm' });
  }

  /** @param {number} port of Azurite from now on */
  target(port) {
    return this.#command({ do: 'target', port });
  }

  async stop() {
    await this.#worker.terminate();
  }

  /** @param {Command} command */
  async #command(command) {
    const done = once(this, 'done');
    this.#worker.postMessage(command);
    await done;
  }
}

/** @param {MessagePort} port to the run */
async function runThread(port) {
  const tell = (/** @type {Told} */ told) => port.postMessage(told);
  const proxy = new FaultProxy();
  proxy.on('request', (number, line) =>
    tell({ tell: 'request', number, line }),
  );
  port.on('message', async (/** @type {Command} */ command) => {
    if (command.do === 'begin') await proxy.begin(command.faults);
    if (command.do === 'calm') await proxy.calm();
    if (command.do === 'target') proxy.target = command.port;
    tell({ tell: 'done' });
  });
  tell({ tell: 'port', port: await proxy.start() });
}

if (!isMainThread && parentPort) runThread(parentPort);

exports.ProxyThread = ProxyThread;
