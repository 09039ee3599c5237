'use strict';

// The fault proxy in its own process, so that other work of the run (reading trees, removing
// folders) does not slow it. A thread does not do: Node 20 sometimes cannot end one that has
// reset connections.

const { fork } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const { connectionString } = require('../kit/azurite');
const { FaultProxy } = require('../kit/fault-proxy');
const { describe } = require('./faults');
const { faults: kinds } = require('./http-faults');

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Fault } from '../kit/fault-proxy' */
/** @import { HttpFault } from './faults' */
/** @import { Scene } from './http-faults' */

/**
 * Commands to the process: `begin` a round, be `calm`, pass requests on to a
 * `target` port. The process responds to each when it is done.
 *
 * @typedef {{ do: 'begin', faults: HttpFault[] } | { do: 'calm' } | { do: 'target', port: number }} Command
 */

/**
 * Messages from the process: the proxy's port at first, the number of each request,
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
class ProxyProcess extends EventEmitter {
  /** @type {ChildProcess} */
  #child;
  #port;
  /** @type {string[]} what was asked and done */
  log = [];

  /** @param {number} target the port of Azurite */
  static async start(target) {
    // Ctrl-C is for the run, which needs the proxy to clean up.
    const child = fork(__filename, { detached: true });
    const [{ port }] = await once(child, 'message');
    const proxy = new ProxyProcess(child, port);
    await proxy.target(target);
    return proxy;
  }

  /**
   * @param {ChildProcess} child
   * @param {number} port
   */
  constructor(child, port) {
    super();
    this.setMaxListeners(0);
    this.#child = child;
    this.#port = port;
    child.on('message', (message) => {
      const told = /** @type {Told} */ (message);
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
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** @param {Command} command */
  async #command(command) {
    const done = once(this, 'done');
    this.#child.send(command);
    await done;
  }
}

/** What the process does, until the run is gone. */
async function serve() {
  const tell = (/** @type {Told} */ told) => process.send?.(told);
  const target = { scheme: 'http', host: '127.0.0.1', port: 0 };
  const proxy = new FaultProxy(target);
  let over = new AbortController();
  /** @param {HttpFault[]} faults */
  const begin = async (faults) => {
    over.abort();
    over = new AbortController();
    const scene = { proxy, over: over.signal };
    proxy.fault = faultOfRound(faults, scene, (number, line) =>
      tell({ tell: 'request', number, line }),
    );
    await proxy.listen();
  };
  process.on('message', async (message) => {
    const command = /** @type {Command} */ (message);
    if (command.do === 'begin') await begin(command.faults);
    if (command.do === 'calm') await begin([]);
    if (command.do === 'target') target.port = command.port;
    tell({ tell: 'done' });
  });
  process.on('disconnect', () => process.exit());
  await begin([]);
  tell({ tell: 'port', port: proxy.port });
}

/**
 * What the proxy does to the requests of a round.
 *
 * @param {HttpFault[]} faults
 * @param {Scene} scene
 * @param {(number: number, line: string) => void} report is called for each request,
 *   which are numbered from 1
 * @returns {Fault}
 */
function faultOfRound(faults, scene, report) {
  let count = 0;
  return (exchange) => {
    const number = ++count;
    const fault = faults.find(
      ({ method = exchange.method, first, count }) =>
        method === exchange.method && number >= first && number - first < count,
    );
    const path = exchange.path.split('?')[0];
    const what = fault ? ` ⚡ ${describe(fault)}` : '';
    report(number, `#${number} ${exchange.method} ${path}${what}`);
    if (!fault) return exchange.pass();
    const done = async () => kinds[fault.kind](exchange, fault, scene);
    // The client has gone.
    return done().catch(() => exchange.response.destroy());
  };
}

if (require.main === module) serve();

exports.ProxyProcess = ProxyProcess;
