'use strict';

// Describes the faults and draws them. http-faults.js, process-faults.js, storage.js and
// disk.js cause them.

const { responses } = require('./responses');

/** @import { Random } from './random' */
/** @import { MachineName } from './plan' */

/**
 * A fault of HTTP requests. It applies to `count` requests from number `first` on; numbers
 * count the requests of a round from 1.
 *
 * @typedef {object} HttpFault
 * @property {'http'} on
 * @property {string} kind a key of `faults` in http-faults.js
 * @property {'GET' | 'PUT' | undefined} method of the requests; undefined means any
 * @property {number} first
 * @property {number} count
 * @property {number} at position in a body, as a share of its length: 0 to below 1
 * @property {number} milliseconds
 * @property {string} response for the kind `status`, a key of `responses`
 */

/**
 * A signal to a process, some time after an event.
 *
 * @typedef {object} SignalFault
 * @property {'process'} on
 * @property {'serve' | 'drain' | 'nx' | 'group' | 'machine'} process `serve` and `drain`
 *   are our processes; `group` is the process group that Ctrl-C reaches: Nx and everything
 *   on its terminal; `machine` is every process of the machine, as when a laptop sleeps or
 *   loses power
 * @property {NodeJS.Signals} signal
 * @property {MachineName} machine
 * @property {{ event: 'nx' | 'serve' | 'drain', milliseconds: number } | { event: 'request', number: number }} when
 * @property {number} [resume] milliseconds after which a stopped process continues
 */

/**
 * A fault of Azurite, or of the blobs in it.
 *
 * @typedef {object} StorageFault
 * @property {'storage'} on
 * @property {string} kind one that storage.js can cause
 * @property {number} at number of the request after which it happens; 0 means before the
 *   round
 * @property {number} milliseconds how long it lasts
 * @property {number} share of the blobs that are damaged
 * @property {number} place position in a blob, as a share of its length: 0 to below 1
 */

/**
 * A fault of the disk that holds a machine's cache directory.
 *
 * @typedef {object} DiskFault
 * @property {'disk'} on
 * @property {'small' | 'leftovers' | 'tampering' | 'layer'} kind with `layer` the
 *   present content becomes the lower layer of an overlay
 * @property {MachineName} machine
 * @property {number} room how many bytes a small disk has beyond Nx's needs
 */

/**
 * The worst order of concurrent runs in one workspace; interleave.js arranges it.
 *
 * @typedef {object} OrderFault
 * @property {'order'} on
 * @property {MachineName} machine
 * @property {string} seed of the random choices
 * @property {number} share of the moments at which processes are stopped
 */

/** @typedef {HttpFault | SignalFault | StorageFault | DiskFault | OrderFault} Fault */

/**
 * The facts about a round for which faults are drawn.
 *
 * @typedef {object} RoundFacts
 * @property {number} tasks on each machine
 * @property {MachineName[]} machines
 * @property {boolean} empty whether the container is still empty
 * @property {boolean} tmpfs whether a small disk can be mounted
 */

/**
 * @param {Random} random
 * @param {RoundFacts} facts
 * @returns {Fault[]}
 */
function drawFaults(random, facts) {
  const { tasks, machines } = facts;
  const requests = tasks * 2 * machines.length;
  const count = Number(random.weighted({ 1: 5, 2: 4, 3: 2 }));
  return Array.from({ length: count }, () => {
    const machine = random.pick(machines);
    const on = random.weighted({ http: 50, process: 30, storage: 8, disk: 12 });
    switch (on) {
      case 'http':
        return drawHttpFault(random, requests);
      case 'process':
        return drawSignal(random, requests, machine);
      case 'storage':
        return drawStorageFault(random, requests);
      case 'disk':
        return drawDiskFault(random, machine, facts);
    }
  });
}

/** A count of requests that no round reaches. */
const allRequests = Number.MAX_SAFE_INTEGER;

/**
 * @param {Random} random
 * @param {number} requests about how many the round will send
 * @returns {HttpFault}
 */
function drawHttpFault(random, requests) {
  const kind = random.weighted({
    status: 24,
    delay: 6,
    slow: 4,
    reset: 6,
    'reset upload': 4,
    'reset download': 5,
    'lost response': 6,
    refuse: 6,
    'stall response': 5,
    'stall download': 4,
    'stall upload': 4,
    'flip download': 6,
    'cut download': 5,
    'short download': 5,
    'long download': 3,
    'flip upload': 5,
    'no metadata': 4,
    'wrong metadata': 5,
    archived: 3,
    reencode: 3,
    'no length': 3,
    'forget idle': 4,
  });
  return {
    on: 'http',
    kind,
    method: random.pick(/** @type {const} */ (['GET', 'PUT', undefined])),
    first: random.magnitude(1, requests),
    count: random.pick([1, 1, 2, random.int(3, 8), allRequests]),
    at: random.next(),
    milliseconds: random.magnitude(20, 1500),
    response: random.pick(Object.keys(responses)),
  };
}

/**
 * A slow storage. It is not a fault, but it shows whether a run waits for its uploads.
 *
 * @param {Random} random
 * @returns {HttpFault[]}
 */
function drawSlowness(random) {
  const milliseconds = random.int(200, 600);
  if (random.chance(0.5)) return [];
  return [httpFault('delay', { method: 'PUT', milliseconds })];
}

/**
 * A fault of all requests, unless `more` selects some.
 *
 * @param {string} kind
 * @param {Partial<HttpFault>} more
 * @returns {HttpFault}
 */
function httpFault(kind, more) {
  return {
    on: 'http',
    kind,
    method: undefined,
    first: 1,
    count: allRequests,
    at: 0,
    milliseconds: 0,
    response: '',
    ...more,
  };
}

/** In milliseconds, and longer than any run. */
const forever = 600_000;

/**
 * @param {Random} random
 * @param {number} requests
 * @param {MachineName} machine
 * @returns {SignalFault}
 */
function drawSignal(random, requests, machine) {
  const process = random.weighted({
    serve: 50,
    drain: 12,
    nx: 22,
    group: 16,
    machine: 10,
  });
  const signals = {
    serve: { SIGKILL: 40, SIGTERM: 20, SIGSTOP: 30, SIGINT: 5, SIGHUP: 5 },
    drain: { SIGKILL: 40, SIGTERM: 20, SIGSTOP: 30, SIGINT: 10, SIGHUP: 0 },
    nx: { SIGKILL: 60, SIGTERM: 25, SIGSTOP: 0, SIGINT: 15, SIGHUP: 0 },
    group: { SIGKILL: 15, SIGTERM: 15, SIGSTOP: 0, SIGINT: 50, SIGHUP: 20 },
    machine: { SIGKILL: 30, SIGTERM: 0, SIGSTOP: 70, SIGINT: 0, SIGHUP: 0 },
  };
  const milliseconds = random.magnitude(1, 1200);
  const event =
    process === 'drain'
      ? 'drain'
      : random.pick(
          /** @type {const} */ ([
            'nx',
            'serve',
            'serve',
            'request',
            'request',
            'drain',
          ]),
        );
  const signal = random.weighted(signals[process]);
  return {
    on: 'process',
    process,
    signal,
    machine,
    when:
      event === 'request'
        ? { event, number: random.magnitude(1, requests) }
        : {
            event,
            milliseconds: event === 'nx' ? 500 + milliseconds : milliseconds,
          },
    ...(signal === 'SIGSTOP' && {
      resume: random.pick(
        process === 'machine'
          ? [200, 2500, 6500] // a run on a machine that sleeps forever never ends
          : [200, 2500, 2500, 4000, forever],
      ),
    }),
  };
}

/**
 * @param {Random} random
 * @param {number} requests
 * @returns {StorageFault}
 */
function drawStorageFault(random, requests) {
  return {
    on: 'storage',
    kind: random.weighted({
      kill: 3,
      'kill and start': 2,
      freeze: 4,
      'delete container': 2,
      'delete blobs': 2,
      'flip blobs': 2,
    }),
    at: random.magnitude(1, requests),
    milliseconds: random.magnitude(100, 4000),
    share: random.pick([0.3, 1]),
    place: random.next(),
  };
}

/** How other clients, or an earlier fault, may have damaged the stored blobs. */
const damages = [
  'flip blobs',
  'truncate blobs',
  'empty blobs',
  'junk blobs',
  'exchange blobs',
  'delete blobs',
  'strip metadata',
  'change metadata',
];

/**
 * @param {Random} random
 * @returns {StorageFault[]}
 */
function drawDamage(random) {
  return Array.from({ length: random.int(1, 2) }, () =>
    damage(random.pick(damages), random.pick([0.2, 0.5, 1]), random.next()),
  );
}

/**
 * @param {string} kind
 * @param {number} share
 * @param {number} [place]
 * @returns {StorageFault}
 */
function damage(kind, share, place = 0) {
  return { on: 'storage', kind, at: 0, milliseconds: 0, share, place };
}

/**
 * @param {Random} random
 * @param {MachineName} machine
 * @param {RoundFacts} facts
 * @returns {DiskFault}
 */
function drawDiskFault(random, machine, { machines, empty, tmpfs }) {
  const kind = random.weighted({ small: 3, leftovers: 3, tampering: 2 });
  const room = random.magnitude(100_000, 4_000_000);
  const isPossible = {
    small: tmpfs,
    leftovers: true,
    // Nx fails with any cache if something removes restored results.
    tampering: empty && machines.length === 1,
  };
  return {
    on: 'disk',
    kind: isPossible[kind] ? kind : 'leftovers',
    machine,
    room,
  };
}

/**
 * Describes a fault in a few words, for the table.
 *
 * @param {Fault} fault
 */
function describe(fault) {
  switch (fault.on) {
    case 'http': {
      const { kind, method = '', first, count, response } = fault;
      const range = count > 1000 ? `${first}+` : `${first}×${count}`;
      const what = kind === 'status' ? response : kind;
      return `${what} ${method}#${range}`;
    }
    case 'process': {
      const { signal, process, when } = fault;
      const moment =
        when.event === 'request'
          ? `#${when.number}`
          : `${when.event}+${when.milliseconds}ms`;
      return `${signal} ${process} ${moment}`;
    }
    case 'storage':
      return `${fault.kind}${fault.at > 0 ? ` #${fault.at}` : ''}`;
    case 'order':
      return 'worst order';
    case 'disk':
      return `${fault.kind}${fault.kind === 'small' ? ' disk' : ''}`;
  }
}

exports.damage = damage;
exports.describe = describe;
exports.drawDamage = drawDamage;
exports.drawFaults = drawFaults;
exports.drawSlowness = drawSlowness;
exports.httpFault = httpFault;
