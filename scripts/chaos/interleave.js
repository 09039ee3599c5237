'use strict';

// Lets several runs in one workspace meet in the worst order. First one run's server stands
// still, so the result that its Nx hands over waits. When another run begins to replace that
// result, its Nx stands still, and the server looks at a part of the new one.

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { processesOf, signal } = require('../kit/processes');
const { Random } = require('./random');

/** @import { ChaosMachine } from './machine' */
/** @import { OrderFault } from './faults' */

/** How often at most something stands still, and for how many milliseconds. */
const stops = 8;
const longest = 700;

/**
 * @param {ChaosMachine} machine
 * @param {OrderFault} fault
 * @param {AbortSignal} over ends it
 */
async function interleave(machine, { seed, share }, over) {
  const random = new Random(seed);
  fs.mkdirSync(machine.cache, { recursive: true });
  const crowd = new Crowd(machine);
  /** @type {Set<string>} */
  const seen = new Set();
  let left = stops;
  const watcher = fs.watch(machine.cache, (_, name) => {
    if (!name || !/^\d+$/.test(name) || left === 0) return;
    const isAgain = seen.has(name);
    seen.add(name);
    if (!random.chance(share)) return;
    left--;
    if (isAgain) {
      crowd.stop('nx', random.int(50, longest));
      crowd.go('serve');
    } else {
      crowd.stop('serve', random.int(50, longest));
    }
  });
  // Looking for processes takes longer than what happens in between.
  while (!over.aborted) {
    crowd.look();
    await sleep(60);
  }
  watcher.close();
  crowd.go('nx');
  crowd.go('serve');
}

/** The runs of Nx in a workspace, and our servers. */
class Crowd {
  #machine;
  /** @type {Record<'nx' | 'serve', number[]>} */
  #pids = { nx: [], serve: [] };

  /** @param {ChaosMachine} machine */
  constructor(machine) {
    this.#machine = machine;
  }

  look() {
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
  go(kind) {
    for (const pid of this.#pids[kind]) signal(pid, 'SIGCONT');
  }
}

exports.interleave = interleave;
