'use strict';

// Draws the rounds of a run, and what its projects and machines need for them. Most scenarios
// draw faults and require only the checks of every round. Special scenarios repeat one problem
// that users have had, and require more.

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
 * @typedef {object} Abilities
 * @property {boolean} tmpfs whether a small disk can be mounted
 * @property {boolean} overlay whether an overlay can be mounted
 * @property {boolean} users whether a run can belong to another user
 */

/**
 * @typedef {object} Scenario
 * @property {Round[]} rounds
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [simple] whether all tasks succeed and can be stored
 * @property {boolean} [atomic] whether tasks replace each file in one step, which concurrent
 *   runs in one workspace need
 * @property {boolean} [flaky] whether one task fails on some machines
 * @property {boolean} [shared] whether the machines share a cache directory
 * @property {Record<string, string>} [timeouts] that differ from the usual ones
 */

/** The scenarios, and how often each is drawn. */
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
  'changed responses': 8,
  evicted: 6,
  flaky: 6,
  layers: 6,
};

/** @typedef {keyof typeof weights} ScenarioName */

const scenarioNames = /** @type {ScenarioName[]} */ (Object.keys(weights));

/**
 * @param {Random} random
 * @param {number} tasks on each machine
 * @param {Abilities} abilities
 * @param {ScenarioName} name
 * @returns {Scenario}
 */
function drawScenario(random, tasks, abilities, name) {
  const used = random.pick(/** @type {const} */ (['a', 'b']));
  const other = used === 'a' ? 'b' : 'a';
  const draw = isSpecial(name) ? special[name] : drawFaulty;
  return draw({ random, tasks, abilities, used, other }, name);
}

/**
 * The values from which a scenario is drawn.
 *
 * @typedef {object} DrawContext
 * @property {Random} random
 * @property {number} tasks
 * @property {Abilities} abilities
 * @property {MachineName} used the machine on which most scenarios cause their faults
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
 * @param {DrawContext} context
 * @param {ScenarioName} name
 * @returns {Scenario}
 */
function drawFaulty({ random, tasks, abilities, used, other }, name) {
  /** @type {(kind: Round['kind'], ...machines: MachineName[]) => Round} */
  const drawn = (kind, ...machines) => {
    const stale = random.chance(0.3);
    const empty =
      name === 'write' || (name === 'both' && machines[0] === other);
    /** @type {Partial<Record<Round['kind'], () => Fault[]>>} */
    const draw = {
      faults: () =>
        drawFaults(random, { tasks, machines, empty, ...abilities }),
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
  // Every machine that had faults gets an undisturbed round at the end, in which it must
  // remove leftovers.
  if (name !== 'calm') rounds.push(drawn('clean', used));
  const bothHadFaults = name === 'both' || name === 'at once';
  rounds.push(drawn('proof', bothHadFaults ? other : used));
  return { rounds };
}

/** Timeouts short enough for a test to wait for them. */
const shortTimeouts = { connect: '1s', firstByte: '1500ms', stall: '1500ms' };

/** @satisfies {Partial<Record<ScenarioName, (context: DrawContext) => Scenario>>} */
const special = {
  /**
   * Two to four runs of Nx at the same time in one workspace. The results that a fresh
   * machine gets must be correct. Before, the cache is empty, full, or half full.
   */
  'two runs'({ random, used, other }) {
    const cache = random.pick(/** @type {const} */ (['empty', 'half', 'full']));
    const concurrent = round('concurrent', [used], {
      damage: cache === 'half' ? [damage('delete blobs', 0.5)] : [],
      starts: [
        0,
        ...Array.from(
          { length: Number(random.weighted({ 1: 5, 2: 3, 3: 2 })) },
          () => random.int(0, 900),
        ),
      ],
      faults: [
        // A result that waits for its upload is one that another run may change.
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
      rounds: [...before, concurrent, ...after],
      simple: true,
      atomic: true,
    };
  },

  /**
   * A laptop that sleeps longer than every timeout while requests are in flight. No timeout
   * may count that time.
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
    // The responses arrive either during the sleep or after it.
    if (random.chance(0.4)) {
      faults.push({
        ...{ on: 'storage', kind: 'freeze', at: number, milliseconds },
        ...{ share: 0, place: 0 },
      });
    }
    const rounds = reads
      ? [round('calm', [other]), round('proof', [used], { faults })]
      : [round('calm', [used], { faults }), round('proof', [other])];
    return { rounds, timeouts: shortTimeouts };
  },

  /**
   * A NAT or firewall that forgets idle connections and drops their packets. A new
   * connection works, so no result may be lost.
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
    return { rounds, timeouts: shortTimeouts };
  },

  /**
   * Two users, each with a checkout, share their group's cache directory. The second
   * restores results after the first has restored them, or was killed.
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
    // The second user may use, replace or ignore the results and leftovers of the first.
    const second = random.chance(0.5)
      ? round('proof', ['b'], { keepsCache, otherUsersFolderMayStay: true })
      : round('clean', ['b'], {
          keepsCache,
          otherUsersFolderMayStay: true,
          damage: [damage('delete blobs', random.pick([0.5, 1]))],
        });
    const isDone = second.kind === 'proof' && !isKilled;
    const third = isDone ? [] : [round('proof', ['a'], { keepsCache })];
    return {
      // CI stores results that the group may not write.
      rounds: [
        round('calm', ['a'], { umask: 0o022 }),
        ...[first, second, ...third],
      ],
      shared: true,
      simple: true,
    };
  },

  /**
   * A lifecycle rule has moved half of the entries to the archive tier. These are misses,
   * and the others are hits.
   */
  archived({ random, used, other }) {
    const faults = [httpFault('archived', { method: 'GET' })];
    const hit = round('clean', [used], {
      faults,
      requirements: [
        'archived entries are the only misses',
        'one warning about the archive tier',
      ],
    });
    return {
      rounds: [round('calm', [other]), hit, round('proof', [other])],
      ...(random.chance(0.3) && { simple: true }),
    };
  },

  /** A proxy compresses responses, or removes their Content-Length. */
  'changed responses'({ random, used, other }) {
    const kind = random.pick(['reencode', 'no length']);
    const some = random.pick([
      {},
      { first: random.int(1, 4), count: random.int(1, 5) },
    ]);
    const faults = [httpFault(kind, { method: 'GET', ...some })];
    return {
      rounds: [
        round('calm', [other]),
        round('clean', [used], {
          faults,
          requirements: ['entries are unchanged'],
        }),
        round('proof', [other]),
      ],
    };
  },

  /** Nx evicts results from its cache while they wait for their upload. */
  evicted({ random, used, other }) {
    const rounds = [
      round('clean', [used], {
        env: { NX_MAX_CACHE_SIZE: random.pick(['1B', '1KB', '200KB']) },
        faults: [delay(random, 'PUT', 1200, 2500)],
        requirements: ['every result is stored or reported'],
      }),
      round('clean', [other]),
      round('proof', [used]),
    ];
    // The drain must have time to store every result.
    return { rounds, simple: true, timeouts: { drain: '30s' } };
  },

  /**
   * With NX_CACHE_FAILURES, Nx also hands over failures. A task fails on one machine only,
   * and no other machine may get that failure.
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
   * The cache directory is in a lower layer of a container image, so its folders cannot be
   * renamed.
   */
  layers({ abilities, used }) {
    const kind = abilities.overlay ? 'layer' : 'leftovers';
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

/** @type {(name: ScenarioName) => name is keyof typeof special} */
function isSpecial(name) {
  return name in special;
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
exports.scenarioNames = scenarioNames;
exports.weights = weights;
