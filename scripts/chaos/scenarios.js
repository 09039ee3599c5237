'use strict';

// The rounds of a run in their order, and what its projects and machines need for them. Most
// scenarios draw faults and require only what is always true. The others do one thing that
// users have met, and require more.

const {
  damage,
  drawDamage,
  drawFaults,
  drawSlowness,
  httpFault,
} = require('./faults');

/** @import { Fault, OrderFault } from './faults' */
/** @import { MachineName, Round } from './plan' */
/** @import { Random } from './random' */

/**
 * What this machine can do.
 *
 * @typedef {object} Able
 * @property {boolean} tmpfs whether a small disk can be mounted
 * @property {boolean} overlay whether an overlay can be mounted
 * @property {boolean} users whether a run can have another user
 */

/**
 * @typedef {object} Scenario
 * @property {Round[]} rounds
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [simple] whether all tasks succeed and can be stored
 * @property {boolean} [atomic] whether tasks replace files whole, as two runs in one
 *   workspace need it
 * @property {boolean} [flaky] whether one task depends on the machine
 * @property {boolean} [shared] whether the machines share a cache directory
 * @property {Record<string, string>} [timeouts] other ones than usual
 */

/** The kinds of scenarios, and how often each comes. */
const weights = {
  calm: 8,
  write: 16,
  read: 22,
  both: 18,
  'at once': 14,
  damage: 10,
  'two runs': 14,
  frozen: 10,
  'idle connections': 10,
  users: 10,
  archived: 8,
  'changed answers': 8,
  evicted: 6,
  flaky: 6,
  layers: 6,
};

/** @typedef {keyof typeof weights} ScenarioName */

const names = /** @type {ScenarioName[]} */ (Object.keys(weights));

/**
 * @param {Random} random
 * @param {number} tasks on each machine
 * @param {Able} able
 * @param {ScenarioName} name
 * @returns {Scenario}
 */
function drawScenario(random, tasks, able, name) {
  const used = random.pick(/** @type {const} */ (['a', 'b']));
  const other = used === 'a' ? 'b' : 'a';
  const draw = isOdd(name) ? odd[name] : drawFaulty;
  return draw({ random, tasks, able, used, other }, name);
}

/**
 * What a scenario is drawn from.
 *
 * @typedef {object} Stage
 * @property {Random} random
 * @property {number} tasks
 * @property {Able} able
 * @property {MachineName} used
 * @property {MachineName} other
 */

/**
 * A round without faults.
 *
 * @param {Round['kind']} kind
 * @param {MachineName[]} machines
 * @param {Partial<Round>} [more]
 * @returns {Round}
 */
function round(kind, machines, more) {
  return { kind, machines, stale: false, damage: [], faults: [], ...more };
}

/**
 * Rounds with random faults.
 *
 * @param {Stage} stage
 * @param {ScenarioName} name
 * @returns {Scenario}
 */
function drawFaulty({ random, tasks, able, used, other }, name) {
  /** @type {(kind: Round['kind'], ...machines: MachineName[]) => Round} */
  const drawn = (kind, ...machines) => {
    const stale = random.chance(0.3);
    const empty =
      name === 'write' || (name === 'both' && machines[0] === other);
    /** @type {Partial<Record<Round['kind'], () => Fault[]>>} */
    const draw = {
      faults: () => drawFaults(random, { tasks, machines, empty, ...able }),
      calm: () => drawSlowness(random),
    };
    return round(kind, machines, { stale, faults: draw[kind]?.() ?? [] });
  };
  /** @type {() => Round} */
  const afterDamage = () => {
    const kind = random.chance(0.5) ? 'faults' : 'clean';
    return { ...drawn(kind, used), damage: drawDamage(random) };
  };
  /** @type {Partial<Record<ScenarioName, () => Round[]>>} */
  const beginnings = {
    calm: () => [drawn('calm', other)],
    write: () => [drawn('faults', used)],
    read: () => [drawn('calm', other), drawn('faults', used)],
    both: () => [drawn('faults', other), drawn('faults', used)],
    'at once': () => [drawn('faults', 'a', 'b')],
    damage: () => [drawn('calm', other), afterDamage()],
  };
  const rounds = beginnings[name]?.() ?? [];
  // Every machine that met faults gets an undisturbed round at its end, in
  // which it must clean up what was left there.
  if (name !== 'calm') rounds.push(drawn('clean', used));
  const bothMet = name === 'both' || name === 'at once';
  rounds.push(drawn('proof', bothMet ? other : used));
  return { rounds };
}

/** Limits that a test of them need not wait long for. */
const short = { connect: '1s', firstByte: '1500ms', stall: '1500ms' };

/** @satisfies {Partial<Record<ScenarioName, (stage: Stage) => Scenario>>} */
const odd = {
  /**
   * Two to four runs of Nx at the same time in one workspace. What a fresh machine
   * gets of them must be right. The cache is empty, full, or has holes.
   */
  'two runs'({ random, used, other }) {
    const cache = random.pick(/** @type {const} */ (['empty', 'half', 'full']));
    const together = round('together', [used], {
      damage: cache === 'half' ? [damage('delete blobs', 0.5)] : [],
      starts: [
        0,
        ...Array.from(
          { length: Number(random.weighted({ 1: 5, 2: 3, 3: 2 })) },
          () => random.int(0, 900),
        ),
      ],
      faults: [
        // What waits for its upload is what another run may change.
        ...(random.chance(0.7) ? [delay(random, 'PUT', 100, 900)] : []),
        /** @type {OrderFault} */
        ({
          ...{ on: 'order', machine: used, share: random.pick([0.3, 0.6, 1]) },
          seed: String(random.next()),
        }),
      ],
    });
    const before = cache === 'empty' ? [] : [round('calm', [other])];
    const after = [round('clean', [other]), round('proof', [used])];
    return {
      rounds: [...before, together, ...after],
      simple: true,
      atomic: true,
    };
  },

  /**
   * A laptop that sleeps for longer than all limits, with requests on their way. No
   * limit may count the time.
   */
  frozen({ random, tasks, used, other }) {
    const reads = random.chance(0.5);
    const number = random.magnitude(1, reads ? tasks : tasks * 2);
    const milliseconds = random.int(2200, 3200);
    /** @type {Fault[]} */
    const faults = [
      delay(random, undefined, 50, 400),
      {
        on: 'process',
        process: 'machine',
        signal: 'SIGSTOP',
        machine: used,
        when: { event: 'request', number },
        resume: milliseconds,
      },
    ];
    // The responses have arrived when it wakes up, or arrive then.
    if (random.chance(0.4)) {
      faults.push({
        ...{ on: 'storage', kind: 'freeze', at: number, milliseconds },
        ...{ share: 0, place: 0 },
      });
    }
    const rounds = reads
      ? [round('calm', [other]), round('proof', [used], { faults })]
      : [round('calm', [used], { faults }), round('proof', [other])];
    return { rounds, timeouts: short };
  },

  /**
   * A NAT or firewall that forgets idle connections and drops what comes on them. A
   * new connection works, so nothing is lost.
   */
  'idle connections'({ random, used, other }) {
    const forget = httpFault('forget idle', {
      milliseconds: random.magnitude(60, 500),
    });
    const faults = [forget];
    const reads = random.chance(0.5);
    const rounds = reads
      ? [round('calm', [other]), round('proof', [used], { faults })]
      : [round('calm', [used], { faults }), round('proof', [other])];
    return { rounds, timeouts: short };
  },

  /**
   * Two users with a checkout each, and one cache directory for their group. The
   * second restores where the first has restored, or was killed.
   */
  users({ random, tasks }) {
    const isKilled = random.chance(0.5);
    const first = isKilled
      ? round('faults', ['a'], {
          faults: [
            {
              on: 'process',
              process: random.pick(
                /** @type {const} */ (['serve', 'group', 'machine']),
              ),
              signal: 'SIGKILL',
              machine: 'a',
              when: { event: 'request', number: random.magnitude(1, tasks) },
            },
          ],
        })
      : round('proof', ['a']);
    const keepsCache = true;
    // The second may use, replace or ignore what the first has left.
    const second = random.chance(0.5)
      ? round('proof', ['b'], { keepsCache, othersMayStay: true })
      : round('clean', ['b'], {
          keepsCache,
          othersMayStay: true,
          damage: [damage('delete blobs', random.pick([0.5, 1]))],
        });
    const isDone = second.kind === 'proof' && !isKilled;
    const third = isDone ? [] : [round('proof', ['a'], { keepsCache })];
    return {
      // CI stores what others of the group may not write.
      rounds: [
        round('calm', ['a'], { umask: 0o022 }),
        ...[first, second, ...third],
      ],
      shared: true,
      simple: true,
    };
  },

  /**
   * A rule of the account has moved half of the entries to the archive tier. Each is
   * a miss, and the others are hits.
   */
  archived({ random, used, other }) {
    const faults = [httpFault('archived', { method: 'GET' })];
    const hit = round('clean', [used], {
      faults,
      must: ['hit what is not archived', 'name the archive'],
    });
    return {
      rounds: [round('calm', [other]), hit, round('proof', [other])],
      ...(random.chance(0.3) && { simple: true }),
    };
  },

  /** A proxy that compresses answers again, or drops their length. */
  'changed answers'({ random, used, other }) {
    const kind = random.pick(['reencode', 'no length']);
    const some = random.pick([
      {},
      { first: random.int(1, 4), count: random.int(1, 5) },
    ]);
    const faults = [httpFault(kind, { method: 'GET', ...some })];
    return {
      rounds: [
        round('calm', [other]),
        round('clean', [used], { faults, must: ['keep entries'] }),
        round('proof', [other]),
      ],
    };
  },

  /** Nx removes results from its cache while they wait for their upload. */
  evicted({ random, used, other }) {
    const rounds = [
      round('clean', [used], {
        env: { NX_MAX_CACHE_SIZE: random.pick(['1B', '1KB', '200KB']) },
        faults: [delay(random, 'PUT', 1200, 2500)],
        must: ['store or say'],
      }),
      round('clean', [other]),
      round('proof', [used]),
    ];
    // There must be time to store every result.
    return { rounds, simple: true, timeouts: { drain: '30s' } };
  },

  /**
   * Nx keeps failures, and a task fails on one machine only. Its failure must be no
   * other machine's result.
   */
  flaky({ used, other }) {
    return {
      rounds: [
        round('failing', [other], { env: { CHAOS_FLAKY: 'yes' } }),
        round('clean', [used]),
        round('proof', [other]),
      ],
      env: { NX_CACHE_FAILURES: 'true' },
      simple: true,
      flaky: true,
    };
  },

  /**
   * The cache directory lies in a lower layer of an image, where folders cannot be
   * renamed.
   */
  layers({ able, used }) {
    const kind = able.overlay ? 'layer' : 'leftovers';
    return {
      rounds: [
        round('calm', [used]),
        round('proof', [used], {
          keepsCache: true,
          faults: [{ on: 'disk', kind, machine: used, room: 1 }],
        }),
      ],
    };
  },
};

/** @type {(name: ScenarioName) => name is keyof typeof odd} */
function isOdd(name) {
  return name in odd;
}

/**
 * @param {Random} random
 * @param {'GET' | 'PUT' | undefined} method
 * @param {number} min milliseconds
 * @param {number} max
 */
function delay(random, method, min, max) {
  return httpFault('delay', {
    method,
    milliseconds: random.magnitude(min, max),
  });
}

exports.drawScenario = drawScenario;
exports.scenarioNames = names;
exports.weights = weights;
