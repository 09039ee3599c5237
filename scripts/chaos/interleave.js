'use strict';

// Makes concurrent runs in one workspace collide in the worst order. It first stops the server
// of one run, so the result that Nx hands over waits. When another run begins to replace that
// result, it stops Nx instead, and the server sees only a part of the new result.

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { processesOf, signal } = require('../kit/processes');
const { Random } = require('./random');

/** @import { ChaosMachine } from './machine' */
/** @import { OrderFault } from './faults' */

/** How often processes are stopped at most, and for how many milliseconds. */
const maxStops = 8;
const maxDuration = 700;

/**
 * @param {ChaosMachine} machine
 * @param {OrderFault} fault
 * @param {AbortSignal} over aborted when the round is over
 */
async function interleave(machine, { seed, share }, over) {
  const random = new Random(seed);
  fs.mkdirSync(machine.cache, { recursive: true });
  const running = new RunningProcesses(machine);
  /** @type {Set<string>} */
  const seen = new Set();
  let left = maxStops;
  const watcher = fs.watch(machine.cache, (_, name) => {
    if (!name || !/^\d+$/.test(name) || left === 0) return;
    const isAgain = seen.has(name);
    seen.add(name);
    if (!random.chance(share)) return;
    left--;
    if (isAgain) {
      running.stop('nx', random.int(50, maxDuration));
      running.resume('serve');
    } else {
      running.stop('serve', random.int(50, maxDuration));
    }
  });
  // Listing processes takes longer than the moments in between, so it is done ahead.
  while (!over.aborted) {
    running.refresh();
    await sleep(60);
  }
  watcher.close();
  running.resume('nx');
  running.resume('serve');
}

/** The processes of Nx in a workspace, and our servers. */
class RunningProcesses {
  #machine;
  /** @type {Record<'nx' | 'serve', number[]>} */
  #pids = { nx: [], serve: [] };

  /** @param {ChaosMachine} machine */
  constructor(machine) {
    this.#machine = machine;
  }

  refresh() {
    const found = processesOf(this.#machine);
    const pidsOf = (/** @type {(process: typeof found[0]) => boolean} */ is) =>
      found.filter(is).map(({ pid }) => pid);
    this.#pids = {
      nx: pidsOf(({ command }) => command.includes(' run-many ')),
      serve: pidsOf(({ kind }) => kind === 'serve'),
    };
  }

  /**
   * @param {'nx' | 'serve'} kind
   * @param {number} milliseconds
   */
  stop(kind, milliseconds) {
    const pids = this.#pids[kind];
    for (const pid of pids) signal(pid, 'SIGSTOP');
    setTimeout(
      () => pids.forEach((pid) => signal(pid, 'SIGCONT')),
      milliseconds,
    );
  }

  /** @param {'nx' | 'serve'} kind */
  resume(kind) {
    for (const pid of this.#pids[kind]) signal(pid, 'SIGCONT');
  }
}

exports.interleave = interleave;
