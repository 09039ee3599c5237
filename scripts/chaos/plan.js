'use strict';

// Draws the plan of a run from its seed. The plan determines everything that the run does.

const { Random } = require('./random');
const { drawScenario, weights } = require('./scenarios');

/** @import { Fault } from './faults' */
/** @import { Abilities, ScenarioName } from './scenarios' */

/**
 * An output that a task writes below dist/<project>.
 *
 * @typedef {(
 *   | { kind: 'file', path: string, size: number, style: 'random' | 'text' | 'zeros', mode: number }
 *   | { kind: 'many', path: string, count: number, size: number }
 *   | { kind: 'link', path: string, target: string }
 *   | { kind: 'folder', path: string }
 * )} Output
 */

/**
 * A project. Its plan.json holds this, and tools/build.js builds it accordingly.
 *
 * @typedef {object} Project
 * @property {string} name
 * @property {string} seed of its files' content
 * @property {string[]} dependencies names of projects
 * @property {Output[]} outputs
 * @property {boolean} generates whether it also writes outputs next to its sources
 * @property {number} printed bytes of terminal output
 * @property {number} milliseconds how long the task waits after its work
 * @property {number} code exit code
 * @property {boolean} storable whether the cache can store its result
 * @property {boolean} [atomic] whether it replaces each file in one step, because other runs
 *   may read it at the same time
 * @property {boolean} [flaky] whether it fails where CHAOS_FLAKY is set
 */

/** @typedef {'a' | 'b'} MachineName */

/**
 * What a round must achieve beyond the checks of every round. requirements.js checks it.
 *
 * @typedef {'archived entries are the only misses' | 'one warning about the archive tier' | 'entries are unchanged' | 'every result is stored or reported'} Requirement
 */

/**
 * One round of a run: Nx runs on one machine, or on two at once.
 *
 * The kind says what must be true. `calm` fills the cache, perhaps slowly; `proof` gets only
 * hits. Neither prints a line, whatever its faults. `clean` restores everything to a good
 * state. In `concurrent`, several runs share a workspace. In `failing`, a flaky task fails.
 *
 * @typedef {object} Round
 * @property {MachineName[]} machines
 * @property {'faults' | 'calm' | 'clean' | 'proof' | 'concurrent' | 'failing'} kind
 * @property {boolean} stale whether the workspace has outputs of an older build
 * @property {Fault[]} damage done to the stored blobs before the round
 * @property {Fault[]} faults
 * @property {number[]} [starts] milliseconds after which each of the concurrent runs
 *   starts
 * @property {NodeJS.ProcessEnv} [env] added to that of the plan
 * @property {number} [umask] of the runs, if machines share a cache directory
 * @property {boolean} [keepsCache] whether Nx's cache directory keeps its results from the
 *   round before
 * @property {boolean} [otherUsersFolderMayStay] whether another user's killed process may
 *   have left a folder
 * @property {Requirement[]} [requirements]
 */

/**
 * @typedef {object} Plan
 * @property {string} seed
 * @property {ScenarioName} scenario
 * @property {Project[]} projects
 * @property {number} parallel how many tasks Nx runs at once
 * @property {NodeJS.ProcessEnv} env
 * @property {Record<string, string>} [timeouts] entries of azure.timeouts that differ from
 *   the usual ones
 * @property {boolean} shared whether the machines share a cache directory
 * @property {boolean} users whether each machine has its own user
 * @property {Round[]} rounds
 */

/**
 * @param {string} seed
 * @param {Abilities} abilities what this machine can do
 * @param {ScenarioName} [wanted] instead of a drawn one
 * @returns {Plan}
 */
function drawPlan(seed, abilities, wanted) {
  const random = new Random(seed);
  const drawnProjects = drawProjects(random.fork('projects'));
  const runRandom = random.fork('run');
  const drawn = random.fork('scenario').weighted(weights);
  const scenario = wanted ?? drawn;
  const {
    rounds,
    env,
    simple = false,
    atomic = false,
    flaky = false,
    shared = false,
    timeouts,
  } = drawScenario(
    random.fork('rounds'),
    drawnProjects.length,
    abilities,
    scenario,
  );
  const projects = atomic ? drawnProjects.slice(0, 5) : drawnProjects; // concurrent runs are slow
  if (simple) projects.forEach(simplify);
  if (atomic) projects.forEach((project) => (project.atomic = true));
  if (flaky) runRandom.fork('flaky').pick(projects).flaky = true;
  return {
    seed,
    scenario,
    projects,
    parallel: runRandom.int(1, 6),
    env: {
      ...runRandom.pick([
        {},
        {},
        { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/main' },
        { NX_VERBOSE_LOGGING: 'true' },
        { NX_AZURE_CACHE_LOG: 'debug' },
      ]),
      // This saves two processes and half of the time.
      ...(runRandom.chance(0.9) && { NX_ISOLATE_PLUGINS: 'false' }),
      ...env,
    },
    ...(timeouts && { timeouts }),
    shared,
    users: shared && abilities.users,
    rounds,
  };
}

/** @param {Project} project is changed so that it succeeds and can be stored */
function simplify(project) {
  project.code = 0;
  project.storable = true;
  project.outputs = project.outputs.filter(
    (output) => !(output.kind === 'link' && output.path === 'up'),
  );
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
  const dependencyCount = random.int(0, 3);
  const dependencies = earlier.filter(() =>
    random.chance(dependencyCount / earlier.length),
  );
  const outputs = drawOutputs(random);
  const storable = !random.chance(0.02);
  if (!storable) {
    // A target with ".." after a name cannot be stored (cache/archive).
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

exports.drawPlan = drawPlan;
