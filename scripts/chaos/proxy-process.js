'use strict';

// Runs the fault proxy in its own process, so that other work of the run (reading trees,
// removing folders) does not slow it. A worker thread is not enough: Node 20 sometimes cannot
// end a thread that has reset connections.

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
 * A command to the process: `begin` a round, end all faults (`calm`), or pass requests on to
 * another `target` port. The process sends `done` after each.
 *
 * @typedef {{ do: 'begin', faults: HttpFault[] } | { do: 'calm' } | { do: 'target', port: number }} Command
 */

/**
 * A message from the process: first the proxy's port, then the number of each request, and
 * `done` after each command.
 *
 * @typedef {{ type: 'port', port: number } | { type: 'request', number: number, line: string } | { type: 'done' }} Message
 */

/**
 * The run's side of the proxy. It emits `request` for each request of a round, with its
 * number, counted from 1.
 *
 * @extends {EventEmitter<{ request: [number], done: [] }>}
 */
class ProxyProcess extends EventEmitter {
  /** @type {ChildProcess} */
  #child;
  #port;
  /** @type {string[]} each request and its fault */
  log = [];

  /** @param {number} target the port of Azurite */
  static async start(target) {
    // Detached from Ctrl-C, because the run needs the proxy to clean up.
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
    child.on('message', (received) => {
      const message = /** @type {Message} */ (received);
      if (message.type === 'done') this.emit('done');
      if (message.type !== 'request') return;
      this.log.push(message.line);
      this.emit('request', message.number);
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

  /** Ends all faults and closes the connections that they hold. */
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

/** The proxy's process. It ends when the run disconnects. */
async function serve() {
  const send = (/** @type {Message} */ message) => process.send?.(message);
  const target = { scheme: 'http', host: '127.0.0.1', port: 0 };
  const proxy = new FaultProxy(target);
  let over = new AbortController();
  /** @param {HttpFault[]} faults */
  const begin = async (faults) => {
    over.abort();
    over = new AbortController();
    const scene = { proxy, over: over.signal };
    proxy.fault = faultOfRound(faults, scene, (number, line) =>
      send({ type: 'request', number, line }),
    );
    await proxy.listen();
  };
  process.on('message', async (message) => {
    const command = /** @type {Command} */ (message);
    if (command.do === 'begin') await begin(command.faults);
    if (command.do === 'calm') await begin([]);
    if (command.do === 'target') target.port = command.port;
    send({ type: 'done' });
  });
  process.on('disconnect', () => process.exit());
  await begin([]);
  send({ type: 'port', port: proxy.port });
}

/**
 * Returns the fault that applies a round's faults to its requests.
 *
 * @param {HttpFault[]} faults
 * @param {Scene} scene
 * @param {(number: number, line: string) => void} report called with the number of each
 *   request, counted from 1
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
    const apply = async () => kinds[fault.kind](exchange, fault, scene);
    // It fails if the client has closed the connection.
    return apply().catch(() => exchange.response.destroy());
  };
}

if (require.main === module) serve();

exports.ProxyProcess = ProxyProcess;
