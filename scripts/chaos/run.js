'use strict';

// Does one run of chaos: builds the plan's workspace without a cache, then does the plan's
// rounds and checks each of them.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { checkSurroundings, expectedOf } = require('./check');
const { Disk } = require('./disk');
const { describe } = require('./faults');
const { interleave } = require('./interleave');
const { checkRequirements } = require('./requirements');
const { signalAtMoment } = require('./process-faults');
const { ProxyProcess } = require('./proxy-process');
const { plantStale, prepareDisk } = require('./prepare-machine');
const { makeShared, umask, users } = require('./users');
const { checkEnd, checkRound, checkRun, nxTimeout } = require('./verdict');
const { readStoreCalls } = require('./store-calls');
const { ChaosMachine } = require('./machine');

/** @import { SignalFault, StorageFault } from './faults' */
/** @import { MachineName, Plan, Round } from './plan' */
/** @import { Expected } from './check' */
/** @import { MachineState } from './prepare-machine' */
/** @import { Storage } from './storage' */
/** @import { Context } from './verdict' */
/** @import { User } from './users' */
/** @import { Result } from '../kit/run' */

/**
 * What every run needs.
 *
 * @typedef {object} Resources
 * @property {string} template folder of a workspace with installed packages
 * @property {Storage} storage
 * @property {string} license
 */

class Run {
  /** @type {Plan} */
  #plan;
  /** @type {Resources} */
  #resources;
  #folder;
  #container;
  /** @type {ProxyProcess} */
  #proxy;
  /** @type {Map<MachineName, MachineState>} */
  #states = new Map();
  /** @type {Expected | undefined} */
  #expected;
  /** @type {string[]} */
  log = [];
  /** @type {string[]} */
  failures = [];
  hits = 0;
  misses = 0;
  /** Whether a race of Nx itself has ended the run before its last round. */
  isCutShort = false;

  /**
   * @param {Plan} plan
   * @param {Resources} resources
   * @param {string} folder of this run
   */
  static async start(plan, resources, folder) {
    const proxy = await ProxyProcess.start(resources.storage.port);
    return new Run(plan, resources, folder, proxy);
  }

  /**
   * @param {Plan} plan
   * @param {Resources} resources
   * @param {string} folder
   * @param {ProxyProcess} proxy
   */
  constructor(plan, resources, folder, proxy) {
    this.#plan = plan;
    this.#resources = resources;
    this.#folder = folder;
    this.#container = path.basename(folder);
    this.#proxy = proxy;
  }

  async run() {
    const { storage } = this.#resources;
    try {
      await storage.restore(this.#container);
      this.#expected = await this.#withoutCache();
      for (const [i, round] of this.#plan.rounds.entries()) {
        this.#note(`\n=== round ${i + 1}: ${describeRound(round)}`);
        await this.#round(round);
        // Later failures would only be consequences of this one.
        if (this.failures.length > 0 || this.isCutShort) break;
      }
    } finally {
      await this.#proxy.stop();
      for (const { disk } of this.#states.values()) await disk.unmount();
      await storage.restore(this.#container);
      await storage.remove(this.#container);
    }
  }

  async #withoutCache() {
    const env = { NX_SKIP_REMOTE_CACHE: 'true' };
    const machine = await this.#machine('without', { env });
    const result = await machine.build(this.#options());
    this.#note('=== without a cache', result.output);
    return expectedOf(machine, result);
  }

  /**
   * @param {string} name
   * @param {{ env?: NodeJS.ProcessEnv }} [options]
   */
  async #machine(name, { env } = {}) {
    const { template } = this.#resources;
    const user = this.#plan.users ? users[name === 'b' ? 'b' : 'a'] : undefined;
    const machine = new ChaosMachine(
      path.join(this.#folder, name),
      {
        AZURE_STORAGE_CONNECTION_STRING: this.#proxy.connectionString,
        NX_POWERPACK_LICENSE: this.#resources.license,
        ...this.#plan.env,
        ...env,
      },
      { shared: this.#sharedCache(name, user), user },
    );
    await machine.create(this.#plan, { template, container: this.#container });
    return machine;
  }

  /**
   * The cache directory that the machines share. The machine without a remote cache has a
   * directory of its own.
   *
   * @param {string} name of a machine
   * @param {User} [owner]
   */
  #sharedCache(name, owner) {
    if (!this.#plan.shared) return undefined;
    const sharers = name === 'without' ? name : 'both';
    const folder = path.join(this.#folder, `cache-${sharers}`);
    if (!fs.existsSync(folder)) makeShared(folder, owner);
    return folder;
  }

  #options() {
    return { parallel: this.#plan.parallel, timeout: nxTimeout };
  }

  /** @param {MachineName} name */
  async #machineState(name) {
    let state = this.#states.get(name);
    if (!state) {
      const machine = await this.#machine(name);
      state = {
        machine,
        disk: new Disk(machine.cache),
        before: machine.surroundings(),
      };
      this.#states.set(name, state);
    }
    return state;
  }

  /** @param {Round} round */
  async #round(round) {
    const { storage } = this.#resources;
    const proxy = this.#proxy;
    const container = this.#container;
    await storage.restore(container);
    await proxy.target(storage.port);
    for (const fault of round.damage) {
      await storage.do(/** @type {StorageFault} */ (fault), container);
    }
    const http = round.faults.filter((fault) => fault.on === 'http');
    await proxy.begin(http);

    const before = await this.#entries(round);
    const over = new AbortController();
    const storageFaults = round.faults
      .filter((fault) => fault.on === 'storage')
      .map((fault) =>
        storage.doAtMoment(fault, { container, proxy, over: over.signal }),
      );
    await Promise.all(
      round.machines.map(async (name) =>
        this.#nx(round, name, await this.#machineState(name), before),
      ),
    );
    over.abort();
    await Promise.all(storageFaults);
    this.#note(proxy.log.splice(0).join('\n'));
    await proxy.calm();
  }

  /**
   * The ETags of the stored entries, if the requirements of a round need them.
   *
   * @param {Round} round
   */
  async #entries({ requirements }) {
    return requirements ? this.#resources.storage.etags(this.#container) : {};
  }

  /**
   * Runs Nx on one machine as a round says, and checks the result.
   *
   * @param {Round} round
   * @param {MachineName} name
   * @param {MachineState} state
   * @param {Record<string, string>} before ETags of the entries before the round
   */
  async #nx(round, name, state, before) {
    const { machine } = state;
    const expected = /** @type {Expected} */ (this.#expected);
    machine.forget({ keepsCache: round.keepsCache });
    if (this.#plan.shared) machine.umask = round.umask ?? umask;
    if (round.stale) plantStale(machine, this.#plan.projects, expected);
    const over = new AbortController();
    const { tampering } = await prepareDisk(
      ...[round, name, state],
      expected,
      over.signal,
    );

    const orders = round.faults
      .filter((fault) => fault.on === 'order')
      .map((fault) => interleave(machine, fault, over.signal));
    const { starts = [0] } = round;
    const runs = await Promise.all(
      starts.map(async (milliseconds, i) => {
        await sleep(milliseconds);
        const faults = i === 0 ? round.faults : [];
        return this.#run(machine, name, { ...round, faults });
      }),
    );
    over.abort();
    await Promise.all([tampering, ...orders]);
    const isKilled = runs.some(({ sent }) => sent.some(endsNx));
    const context = this.#context();
    const problems = await checkEnd(machine, isKilled);
    for (const { result } of runs) {
      problems.push(...checkRun(round, result, context));
    }
    problems.push(...checkSurroundings(machine, state.before));
    if (!isKilled) {
      const [{ result }] = runs;
      const verdict = checkRound(round, machine, result, context);
      problems.push(...verdict.problems);
      problems.push(
        ...(await this.#checkRequirements(round, state, result, before)),
      );
      this.hits += verdict.counts.hits;
      this.misses += verdict.counts.misses;
      this.isCutShort = verdict.races.length > 0;
      this.#note(...verdict.races.map((what) => `race of Nx: ${what}`));
    }
    const where = `machine ${name}, ${round.kind}`;
    for (const text of problems) this.failures.push(`${where}: ${text}`);
    this.#note(...problems);
    await state.disk.grow();
  }

  /**
   * Runs Nx once and sends the round's signals.
   *
   * @param {ChaosMachine} machine
   * @param {MachineName} name
   * @param {Round} round
   */
  async #run(machine, name, { faults, env }) {
    const over = new AbortController();
    /** @type {Promise<{ fault: SignalFault, isSent: boolean }>[]} */
    let signals = [];
    const result = await machine.build({
      ...this.#options(),
      env,
      onSpawn: (nx) => {
        signals = faults
          .filter((fault) => fault.on === 'process')
          .filter((fault) => fault.machine === name)
          .map(async (fault) => ({
            fault,
            isSent: await signalAtMoment(fault, {
              nx,
              machine,
              proxy: this.#proxy,
              over: over.signal,
            }),
          }));
      },
    });
    over.abort();
    const sent = (await Promise.all(signals))
      .filter(({ isSent }) => isSent)
      .map(({ fault }) => fault);
    const { code, took, output } = result;
    this.#note(
      `--- machine ${name}: exit code ${code}, ${took | 0} ms`,
      output,
    );
    for (const fault of sent) this.#note(`sent: ${describe(fault)}`);
    return { result, sent };
  }

  /** @returns {Context} */
  #context() {
    const expected = /** @type {Expected} */ (this.#expected);
    const storeCalls = [...this.#states.values()].flatMap(({ machine }) =>
      readStoreCalls(machine.storeCallsFile),
    );
    const { license } = this.#resources;
    const secrets = [license, keyOf(this.#proxy.connectionString)];
    return { plan: this.#plan, expected, secrets, storeCalls };
  }

  /**
   * @param {Round} round
   * @param {MachineState} state
   * @param {Result} result
   * @param {Record<string, string>} before
   */
  async #checkRequirements(round, { machine }, result, before) {
    if (!round.requirements || !machine.hasRun()) return [];
    const after = await this.#entries(round);
    const tasks = machine.lastRun();
    const plan = this.#plan;
    return checkRequirements(round.requirements, {
      plan,
      result,
      tasks,
      before,
      after,
    });
  }

  /** @param {string[]} lines */
  #note(...lines) {
    this.log.push(...lines);
  }
}

/**
 * Whether a signal ends Nx.
 *
 * @param {SignalFault} fault
 */
function endsNx({ process, signal }) {
  const reachesNx = ['nx', 'group', 'machine'].includes(process);
  return reachesNx && signal !== 'SIGSTOP';
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
