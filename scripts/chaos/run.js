'use strict';

// One run of chaos: the plan's workspace without a cache, then the plan's
// rounds, each checked.

const fs = require('node:fs');
const path = require('node:path');
const {
  checkAllHits,
  checkClean,
  checkResults,
  checkSurroundings,
  checkVoice,
  count,
  expectedOf,
} = require('./check');
const { Disk, meddle, plantLeftovers } = require('./disk');
const { describe } = require('./faults');
const { signalAtMoment } = require('./process-faults');
const { processesOf, send, waitUntilGone } = require('./processes');
const { ProxyThread } = require('./proxy-thread');
const { ChaosMachine, drain } = require('./workspace');

/** @import { Fault, StorageFault } from './faults' */
/** @import { MachineName, Plan, Project, Round } from './plan' */
/** @import { Expected } from './check' */
/** @import { Storage } from './storage' */
/** @import { Result } from '../lib/run' */

/** Milliseconds after which Nx is said to hang. */
const patience = 150_000;

/**
 * Milliseconds that a run may take longer than three times as long as without
 * a cache: a process that is given up, time limits one after the other,
 * retries, the drain, and whatever else this machine has to do.
 */
const cost = 40_000;

/** The same for the end of our processes after that of Nx, beside the drain. */
const slack = 8000;

/**
 * What runs need and share.
 *
 * @typedef {object} World
 * @property {string} template a workspace with packages
 * @property {Storage} storage
 * @property {string} licence
 */

class Run {
  /** @type {Plan} */
  #plan;
  /** @type {World} */
  #world;
  #folder;
  #container;
  /** @type {ProxyThread} */
  #proxy;
  /** @type {Map<MachineName, Station>} */
  #stations = new Map();
  /** @type {Expected | undefined} */
  #expected;
  /** @type {string[]} */
  log = [];
  /** @type {string[]} */
  failures = [];
  hits = 0;
  misses = 0;

  /**
   * @param {Plan} plan
   * @param {World} world
   * @param {string} folder of this run
   */
  static async start(plan, world, folder) {
    const proxy = await ProxyThread.start(world.storage.port);
    return new Run(plan, world, folder, proxy);
  }

  /**
   * @param {Plan} plan
   * @param {World} world
   * @param {string} folder
   * @param {ProxyThread} proxy
   */
  constructor(plan, world, folder, proxy) {
    this.#plan = plan;
    this.#world = world;
    this.#folder = folder;
    this.#container = path.basename(folder);
    this.#proxy = proxy;
  }

  async run() {
    const { storage } = this.#world;
    try {
      await storage.restore(this.#container);
      this.#expected = await this.#withoutCache();
      for (const [i, round] of this.#plan.rounds.entries()) {
        this.#note(`\n=== round ${i + 1}: ${describeRound(round)}`);
        await this.#round(round);
        if (this.failures.length > 0) break; // the rest would only follow from it
      }
    } finally {
      await this.#proxy.stop();
      for (const { disk } of this.#stations.values()) await disk.unmount();
      await storage.restore(this.#container);
      await storage.remove(this.#container);
    }
  }

  async #withoutCache() {
    const env = { NX_SKIP_REMOTE_CACHE: 'true' };
    const machine = await this.#machine('without', env);
    const result = await machine.build(this.#options());
    this.#note('=== without a cache', result.output);
    return expectedOf(machine, result);
  }

  /**
   * @param {string} name
   * @param {NodeJS.ProcessEnv} [env]
   */
  async #machine(name, env) {
    const machine = new ChaosMachine(path.join(this.#folder, name), {
      AZURE_STORAGE_CONNECTION_STRING: this.#proxy.connectionString,
      NX_POWERPACK_LICENSE: this.#world.licence,
      ...this.#plan.env,
      ...env,
    });
    const { template } = this.#world;
    await machine.create(this.#plan, { template, container: this.#container });
    return machine;
  }

  #options() {
    return { parallel: this.#plan.parallel, timeout: patience };
  }

  /** @param {MachineName} name */
  async #station(name) {
    let station = this.#stations.get(name);
    if (!station) {
      const machine = await this.#machine(name);
      station = {
        machine,
        disk: new Disk(machine.cache),
        before: machine.surroundings(),
      };
      this.#stations.set(name, station);
    }
    return station;
  }

  /** @param {Round} round */
  async #round(round) {
    const { storage } = this.#world;
    const proxy = this.#proxy;
    const container = this.#container;
    await storage.restore(container);
    await proxy.target(storage.port);
    for (const fault of round.damage) {
      await storage.do(/** @type {StorageFault} */ (fault), container);
    }
    const http = round.faults.filter((fault) => fault.on === 'http');
    await proxy.begin(http);

    const over = new AbortController();
    const scenery = round.faults
      .filter((fault) => fault.on === 'storage')
      .map((fault) =>
        storage.doAtMoment(fault, { container, proxy, over: over.signal }),
      );
    await Promise.all(
      round.machines.map(async (name) =>
        this.#nx(round, name, await this.#station(name)),
      ),
    );
    over.abort();
    await Promise.all(scenery);
    this.#note(proxy.log.splice(0).join('\n'));
    await proxy.calm();
  }

  /**
   * One run of Nx in a round.
   *
   * @param {Round} round
   * @param {MachineName} name
   * @param {Station} station
   */
  async #nx(round, name, station) {
    const { machine } = station;
    const expected = /** @type {Expected} */ (this.#expected);
    machine.forget();
    if (round.stale) plantStale(machine, this.#plan.projects, expected);
    const over = new AbortController();
    const { meddling } = await this.#prepareDisk(
      round,
      name,
      station,
      over.signal,
    );

    const started = Date.now();
    /** @type {Promise<{ fault: Fault, met: boolean }>[]} */
    let signals = [];
    const result = await machine.build({
      ...this.#options(),
      onSpawn: (nx) => {
        signals = round.faults
          .filter((fault) => fault.on === 'process')
          .filter((fault) => fault.machine === name)
          .map(async (fault) => ({
            fault,
            met: await signalAtMoment(fault, {
              nx,
              machine: machine.folder,
              proxy: this.#proxy,
              over: over.signal,
            }),
          }));
      },
    });
    over.abort();
    const sent = (await Promise.all(signals)).filter(({ met }) => met);
    await meddling;
    this.#note(`--- machine ${name}: exit code ${result.code}`, result.output);
    for (const { fault } of sent) this.#note(`sent: ${describe(fault)}`);

    const ended = sent.some(
      ({ fault }) =>
        fault.on === 'process' && ['nx', 'group'].includes(fault.process),
    );
    const wrong = [
      ...(await this.#checkEnd(machine, result, ended)),
      ...checkVoice(result, {
        secrets: [this.#world.licence, keyOf(this.#proxy.connectionString)],
        quiet: ['calm', 'proof'].includes(round.kind),
      }),
      ...checkSurroundings(machine, station.before),
      ...(ended ? [] : this.#checkResults(round, station, result)),
    ];
    const where = `machine ${name}, ${round.kind}`;
    for (const text of wrong) this.failures.push(`${where}: ${text}`);
    this.#note(`took ${Date.now() - started} ms`, ...wrong);
    await station.disk.grow();
  }

  /**
   * @param {Round} round
   * @param {MachineName} name
   * @param {Station} station
   * @param {AbortSignal} over
   * @returns {Promise<{ meddling: Promise<unknown> }>} until nobody meddles any more
   */
  async #prepareDisk(round, name, { machine, disk }, over) {
    const expected = /** @type {Expected} */ (this.#expected);
    const mine = round.faults
      .filter((fault) => fault.on === 'disk')
      .filter(({ machine }) => machine === name);
    // First: what is mounted hides what was there.
    for (const { kind, room } of mine) {
      if (kind === 'small') await disk.shrink(expected.bytes + room);
    }
    for (const { kind, room } of mine) {
      if (kind === 'leftovers') plantLeftovers(machine.cache, 1 + room);
    }
    const meddling = mine
      .filter(({ kind }) => kind === 'meddler')
      .map(() => meddle(machine.cache, over));
    return { meddling: Promise.all(meddling) };
  }

  /**
   * Nx has ended in time, and so have our processes.
   *
   * @param {ChaosMachine} machine
   * @param {Result} result
   * @param {boolean} ended whether Nx was told to
   */
  async #checkEnd({ folder }, { took }, ended) {
    const wrong = [];
    const { took: without } = /** @type {Expected} */ (this.#expected);
    if (took >= patience) wrong.push('Nx hangs');
    else if (took > 3 * without + cost) {
      wrong.push(`took ${took | 0} ms, ${without | 0} ms without a cache`);
    }
    const left = await waitUntilGone(
      folder,
      drain + slack,
      ({ kind }) => !ended || kind !== 'other',
    );
    for (const { pid, command } of left) wrong.push(`left: ${pid} ${command}`);
    // The tasks of an Nx that was killed are no business of ours.
    for (const { pid } of processesOf(folder)) send(pid, 'SIGKILL');
    await waitUntilGone(folder, slack);
    return wrong;
  }

  /**
   * @param {Round} round
   * @param {Station} station
   * @param {Result} result
   */
  #checkResults({ kind, faults }, { machine }, result) {
    const expected = /** @type {Expected} */ (this.#expected);
    const isFull = faults.some(
      (fault) => fault.on === 'disk' && fault.kind === 'small',
    );
    const wrong = checkResults(machine, result, expected, { isFull });
    if (!machine.hasRun()) return wrong;
    const tasks = machine.lastRun();
    const { hits, misses } = count(tasks);
    this.hits += hits;
    this.misses += misses;
    this.#note(`${hits} hits, ${misses} misses`);
    if (kind === 'proof') wrong.push(...checkAllHits(tasks, this.#plan));
    if (kind !== 'faults') wrong.push(...checkClean(machine));
    return wrong;
  }

  /** @param {string[]} lines */
  #note(...lines) {
    this.log.push(...lines);
  }
}

/**
 * A machine of a run, and what belongs to it.
 *
 * @typedef {object} Station
 * @property {ChaosMachine} machine
 * @property {Disk} disk
 * @property {ReturnType<ChaosMachine['surroundings']>} before
 */

/**
 * Puts outputs of an older build into the workspace, of projects that write
 * theirs anew.
 *
 * @param {ChaosMachine} machine
 * @param {Project[]} projects
 * @param {Expected} expected
 */
function plantStale({ workspace }, projects, { tasks }) {
  for (const { name } of projects) {
    if (tasks[`${name}:build`]?.code !== 0) continue;
    const dist = path.join(workspace, 'dist', name);
    fs.mkdirSync(path.join(dist, 'old'), { recursive: true });
    fs.writeFileSync(path.join(dist, 'old', 'file.js'), 'old\n');
    fs.writeFileSync(path.join(dist, 'digest.txt'), 'old\n');
  }
}

/** @param {string} connectionString */
function keyOf(connectionString) {
  const [, key] = /AccountKey=([^;]+)/.exec(connectionString) ?? [];
  if (!key) throw new Error('the connection string has no key');
  return key;
}

/** @param {Round} round */
function describeRound({ kind, machines, stale, damage, faults }) {
  return [
    `${kind} on ${machines.join(' and ')}${stale ? ', old outputs' : ''}`,
    ...damage.map(describe),
    ...faults.map(describe),
  ].join('; ');
}

exports.Run = Run;
