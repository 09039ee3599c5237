'use strict';

// The seed determines the plan, and the plan determines everything that a run of chaos does.

const { Random } = require('./random');
const { drawScenario, weights } = require('./scenarios');

/** @import { Fault } from './faults' */
/** @import { Able, ScenarioName } from './scenarios' */

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
 * @property {boolean} [atomic] whether it replaces files whole, as others may read
 *   them at the same time
 * @property {boolean} [flaky] whether it fails where CHAOS_FLAKY is set
 */

/** @typedef {'a' | 'b'} MachineName */

/**
 * What a round must come to, beyond what is always true. requirements.js checks it.
 *
 * @typedef {'hit what is not archived' | 'name the archive' | 'keep entries' | 'store or say'} Must
 */

/**
 * Nx runs on one machine, or on two at once.
 *
 * @typedef {object} Round
 * @property {MachineName[]} machines
 * @property {'faults' | 'calm' | 'clean' | 'proof' | 'together' | 'failing'} kind `calm`
 *   fills the cache, perhaps slowly, and `proof` finds everything in it: both without a
 *   line, whatever their faults; `clean` puts everything right; in `together` several
 *   runs share a workspace; in `failing` a flaky task fails
 * @property {boolean} stale whether outputs of an older build lie in the workspace
 * @property {Fault[]} damage done before the round to what is stored
 * @property {Fault[]} faults
 * @property {number[]} [starts] milliseconds after which each of several runs starts
 * @property {NodeJS.ProcessEnv} [env] added
 * @property {number} [umask] of the runs, where machines share a cache directory
 * @property {boolean} [keepsCache] whether Nx's cache directory is as it was before
 * @property {boolean} [othersMayStay] whether another user's process may have left a
 *   folder
 * @property {Must[]} [must]
 */

/**
 * @typedef {object} Plan
 * @property {string} seed
 * @property {ScenarioName} scenario
 * @property {Project[]} projects
 * @property {number} parallel tasks at once
 * @property {NodeJS.ProcessEnv} env
 * @property {Record<string, string>} [timeouts] of azure.timeouts, beside the usual ones
 * @property {boolean} shared whether the machines have one cache directory
 * @property {boolean} users whether they have users of their own
 * @property {Round[]} rounds
 */

/**
 * @param {string} seed
 * @param {Able} able what this machine can do
 * @param {ScenarioName} [wanted] instead of one that is drawn
 * @returns {Plan}
 */
function drawPlan(seed, able, wanted) {
  const random = new Random(seed);
  const all = drawProjects(random.fork('projects'));
  const rest = random.fork('run');
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
  } = drawScenario(random.fork('rounds'), all.length, able, scenario);
  const projects = atomic ? all.slice(0, 5) : all; // several runs take their time
  if (simple) projects.forEach(simplify);
  if (atomic) projects.forEach((project) => (project.atomic = true));
  if (flaky) rest.fork('flaky').pick(projects).flaky = true;
  return {
    seed,
    scenario,
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
      ...(rest.chance(0.9) && { NX_ISOLATE_PLUGINS: 'false' }),
      ...env,
    },
    ...(timeouts && { timeouts }),
    shared,
    users: shared && able.users,
    rounds,
  };
}

/** @param {Project} project becomes one that succeeds and is stored */
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
  const wanted = random.int(0, 3);
  const dependencies = earlier.filter(() =>
    random.chance(wanted / earlier.length),
  );
  const outputs = drawOutputs(random);
  const storable = !random.chance(0.02);
  if (!storable) {
    // It goes up after a name, so its target is unknown (cache/archive).
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
