'use strict';

// Everything that a run of chaos does follows from its plan, and the plan from
// its seed.

const { drawDamage, drawFaults, drawSlowness } = require('./faults');
const { Random } = require('./random');

/** @import { Fault } from './faults' */

/**
 * What a task writes below dist/<project>.
 *
 * @typedef {(
 *   | { kind: 'file', path: string, size: number, style: 'random' | 'text' | 'zeros', mode: number }
 *   | { kind: 'many', path: string, count: number, size: number }
 *   | { kind: 'link', path: string, target: string }
 *   | { kind: 'folder', path: string }
 * )} Output
 */

/**
 * A project: the file plan.json from which tools/build.js builds it.
 *
 * @typedef {object} Project
 * @property {string} name
 * @property {string} seed of its files' content
 * @property {string[]} dependencies names of projects
 * @property {Output[]} outputs
 * @property {boolean} generates whether it writes beside its sources, too
 * @property {number} printed bytes of terminal output
 * @property {number} milliseconds that the task takes beside its work
 * @property {number} code exit code
 * @property {boolean} storable whether its result can be in the cache
 */

/** @typedef {'a' | 'b'} MachineName */

/**
 * Nx runs on one machine, or on two at once.
 *
 * @typedef {object} Round
 * @property {MachineName[]} machines
 * @property {'faults' | 'calm' | 'clean' | 'proof'} kind `calm` fills the
 *   cache before the faults, perhaps slowly; `clean` is the next one after them, which
 *   must put everything right; in `proof` everything must be in the cache
 * @property {boolean} stale whether outputs of an older build lie in the workspace
 * @property {Fault[]} damage done before the round to what is stored
 * @property {Fault[]} faults
 */

/**
 * @typedef {object} Plan
 * @property {string} seed
 * @property {Project[]} projects
 * @property {number} parallel tasks at once
 * @property {NodeJS.ProcessEnv} env
 * @property {Round[]} rounds
 */

/**
 * @param {string} seed
 * @param {{ tmpfs: boolean }} able what this machine can do
 * @returns {Plan}
 */
function drawPlan(seed, able) {
  const random = new Random(seed);
  const projects = drawProjects(random.fork('projects'));
  const rest = random.fork('run');
  return {
    seed,
    projects,
    parallel: rest.int(1, 6),
    env: {
      ...rest.pick([
        {},
        {},
        { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/main' },
        { NX_VERBOSE_LOGGING: 'true' },
        { NX_AZURE_CACHE_LOG: 'debug' },
      ]),
      // Two processes less, and half the time.
      ...(rest.chance(0.8) && { NX_ISOLATE_PLUGINS: 'false' }),
    },
    rounds: drawRounds(random.fork('rounds'), projects.length, able),
  };
}

/**
 * @param {Random} random
 * @returns {Project[]}
 */
function drawProjects(random) {
  const count = random.magnitude(2, 15);
  const names = Array.from({ length: count }, (_, i) => `p${i}`);
  return names.map((name, i) => drawProject(random, name, names.slice(0, i)));
}

/**
 * @param {Random} random
 * @param {string} name
 * @param {string[]} earlier projects it may depend on
 * @returns {Project}
 */
function drawProject(random, name, earlier) {
  const wanted = random.int(0, 3);
  const dependencies = earlier.filter(() =>
    random.chance(wanted / earlier.length),
  );
  const outputs = drawOutputs(random);
  const storable = !random.chance(0.02);
  if (!storable) {
    // Goes up behind a name: nobody can say where it leads (cache/archive).
    outputs.push({ kind: 'link', path: 'up', target: 'many/../digest.txt' });
  }
  return {
    name,
    seed: String(random.next()),
    dependencies,
    outputs,
    generates: random.chance(0.2),
    printed: random.chance(0.1)
      ? random.magnitude(200_000, 2_000_000)
      : random.magnitude(1, 5000),
    milliseconds: random.chance(0.5) ? 0 : random.magnitude(10, 600),
    code: random.chance(0.03) ? random.pick([1, 2, 77, 255]) : 0,
    storable,
  };
}

/**
 * @param {Random} random
 * @returns {Output[]}
 */
function drawOutputs(random) {
  /** @type {Output[]} */
  const outputs = [];
  const names = ['index.js', 'b c', 'ü/✔.txt', '-rf', '.hidden', "it's", 'a/b'];
  for (const path of names.slice(0, random.int(0, names.length))) {
    outputs.push({
      kind: 'file',
      path,
      size: random.chance(0.2) ? 0 : random.magnitude(1, 30_000),
      style: random.pick(/** @type {const} */ (['random', 'text', 'zeros'])),
      mode: random.pick([0o644, 0o644, 0o755, 0o600, 0o444, 0o700, 0o666]),
    });
  }
  if (random.chance(0.2)) {
    const size = random.magnitude(500_000, 6_000_000);
    const style = random.pick(
      /** @type {const} */ (['random', 'random', 'text']),
    );
    outputs.push({ kind: 'file', path: 'bin/large', size, style, mode: 0o755 });
  }
  if (random.chance(0.2)) {
    const count = random.magnitude(20, 400);
    outputs.push({ kind: 'many', path: 'many', count, size: 2000 });
  }
  if (random.chance(0.3)) outputs.push(...drawLinks(random));
  if (random.chance(0.3)) {
    outputs.push({ kind: 'folder', path: 'empty/and/deep' });
  }
  return outputs;
}

/**
 * @param {Random} random
 * @returns {Output[]}
 */
function drawLinks(random) {
  /** @type {Output[]} */
  const links = [
    { kind: 'link', path: 'link-to-file', target: 'digest.txt' },
    { kind: 'link', path: 'links/up', target: '../digest.txt' },
    { kind: 'link', path: 'links/folder', target: '../links' },
    { kind: 'link', path: 'link-to-link', target: 'link-to-file' },
    { kind: 'link', path: 'dangling', target: 'nowhere' },
    { kind: 'link', path: 'itself', target: 'itself' },
  ];
  return links.filter(() => random.chance(0.5));
}

/**
 * @param {Random} random
 * @param {number} tasks
 * @param {{ tmpfs: boolean }} able
 * @returns {Round[]}
 */
function drawRounds(random, tasks, able) {
  const shape = random.weighted({
    calm: 8,
    write: 20,
    read: 26,
    both: 22,
    'at once': 16,
    damage: 10,
  });
  const used = random.pick(/** @type {const} */ (['a', 'b']));
  const other = used === 'a' ? 'b' : 'a';

  /** @type {(kind: Round['kind'], ...machines: MachineName[]) => Round} */
  const round = (kind, ...machines) => {
    const stale = random.chance(0.3);
    const empty =
      shape === 'write' || (shape === 'both' && machines[0] === other);
    /** @type {Partial<Record<Round['kind'], () => Fault[]>>} */
    const draw = {
      faults: () => drawFaults(random, { tasks, machines, empty, ...able }),
      calm: () => drawSlowness(random),
    };
    const faults = draw[kind]?.() ?? [];
    return { machines, kind, stale, damage: [], faults };
  };
  /** @type {() => Round} */
  const afterDamage = () => {
    const kind = random.chance(0.5) ? 'faults' : 'clean';
    return { ...round(kind, used), damage: drawDamage(random) };
  };
  /** @type {Record<typeof shape, () => Round[]>} */
  const shapes = {
    calm: () => [round('calm', other)],
    write: () => [round('faults', used)],
    read: () => [round('calm', other), round('faults', used)],
    both: () => [round('faults', other), round('faults', used)],
    'at once': () => [round('faults', 'a', 'b')],
    damage: () => [round('calm', other), afterDamage()],
  };
  const rounds = shapes[shape]();
  // Every machine that met faults gets an undisturbed round at its end, in
  // which it must clean up what was left there.
  if (shape !== 'calm') rounds.push(round('clean', used));
  const bothMet = shape === 'both' || shape === 'at once';
  rounds.push(round('proof', bothMet ? other : used));
  return rounds;
}

exports.drawPlan = drawPlan;
