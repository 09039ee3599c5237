'use strict';

// npm run chaos [-- --runs N] [--seed S] [--only K] [--jobs N]

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { runMain, temporaryFolder } = require('./kit/cleanup');
const { testLicense } = require('./kit/license');
const { installedWorkspace, startShared } = require('./kit/shared');

const help = `npm run chaos [-- OPTIONS]

Runs Nx in random workspaces with random faults at random moments, and compares
each run with one that had no cache.

  --runs N   how many runs (default 20)
  --seed S   any string; it determines everything (default: a new one)
  --only K   only run number K, to reproduce it
  --jobs N   how many runs at once (default 1)
  --scenario NAME
             one scenario of scripts/chaos/scenarios.js in every run
  --keep     keep the folders of all runs, not only of those that failed

The same seed gives the same workspaces, faults and moments. If a moment is a
time, what happens then depends on the speed of the machine.

Needs Linux. Small disks, image layers and other users need root.
`;

/** How many failures of a run are printed. */
const maxPrinted = 12;

/** @typedef {import('./chaos/run').Resources} Resources */

/**
 * @typedef {object} Options
 * @property {string} seed
 * @property {number[]} numbers which runs to do, counted from 1
 * @property {number} jobs how many runs at once
 * @property {boolean} keep whether to keep the folders of successful runs
 * @property {string} template folder of a workspace with installed packages
 * @property {string} license
 * @property {string} [scenario] for every run, instead of a drawn one
 * @property {(line: string) => void} [print]
 */

async function main() {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20' },
      seed: { type: 'string', default: Date.now().toString(36) },
      only: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      keep: { type: 'boolean', default: false },
      scenario: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (process.platform !== 'linux') {
    throw new Error('chaos needs Linux: it finds processes in /proc');
  }
  const { seed, keep, scenario } = values;
  const jobs = wholeNumber('jobs', values.jobs);
  const runs = wholeNumber('runs', values.runs);
  const numbers =
    values.only === undefined
      ? Array.from({ length: runs }, (_, i) => i + 1)
      : [wholeNumber('only', values.only)];

  const folder = await installedWorkspace(await startShared(), 'alias');
  const template = path.join(folder, 'workspace');
  const license = testLicense('valid');
  const failed = await chaos({
    ...{ seed, numbers, jobs, keep, template, license, scenario },
  });
  return failed > 0 ? 1 : 0;
}

/**
 * @param {string} name
 * @param {string} text
 */
function wholeNumber(name, text) {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} must be a whole number from 1, not ${text}`);
}

/**
 * Runs chaos, several runs at once, and prints a line for each.
 *
 * @param {Options} options
 * @returns {Promise<number>} how many failed
 */
async function chaos({
  seed,
  numbers,
  jobs,
  keep,
  template,
  license,
  scenario,
  print = console.log,
}) {
  // Loaded here, because startShared has installed their dependencies only now.
  const { drawPlan } = require('./chaos/plan');
  const { Run } = require('./chaos/run');
  const { Storage } = require('./chaos/storage');
  const { header, row } = require('./chaos/table');

  const requestedScenario = knownScenario(scenario);
  const folder = temporaryFolder('chaos');
  fs.chmodSync(folder, 0o755); // other users must be able to enter
  const abilities = await findAbilities(folder, print);
  const started = Date.now();
  const waiting = [...numbers];
  let failed = 0;
  let hits = 0;
  // An interrupted run is not a failure.
  let stopping = false;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => {
      stopping = true;
      print(`chaos: stopped by ${signal}`);
    });
  }
  print(header());

  const doRuns = async () => {
    const storage = await Storage.start();
    for (let number; (number = waiting.shift()) !== undefined;) {
      const plan = drawPlan(`${seed}/${number}`, abilities, requestedScenario);
      const runFolder = path.join(folder, `chaos-run-${number}`);
      fs.mkdirSync(runFolder);
      const resources = { template, storage, license };
      const run = await Run.start(plan, resources, runFolder);
      const runStarted = Date.now();
      await run
        .run()
        .catch((err) => run.failures.push(String(err?.stack ?? err)));
      if (stopping) return;
      print(row(number, plan, run, (Date.now() - runStarted) / 1000));
      hits += run.hits;
      if (run.failures.length > 0) failed++;
      const repeat = `--seed ${seed} --only ${number}${scenario ? ` --scenario '${scenario}'` : ''}`;
      finish(run, plan, { repeat, runFolder, keep, print });
    }
    await storage.stop();
  };
  await Promise.all(Array.from({ length: jobs }, doRuns));

  const minutes = ((Date.now() - started) / 60_000).toFixed(1);
  print(
    `chaos: ${numbers.length} runs, ${failed} failures, seed ${seed} (${hits} hits, ${minutes} min)`,
  );
  if (hits === 0 && failed === 0) {
    print('chaos: no hits, so nothing was tested');
    return 1;
  }
  return failed;
}

/**
 * Finds out what this machine can do, and prints a line for each thing it cannot.
 *
 * @param {string} folder of all runs
 * @param {(line: string) => void} print
 * @returns {Promise<import('./chaos/scenarios').Abilities>}
 */
async function findAbilities(folder, print) {
  const { canMount, canOverlay } = require('./chaos/disk');
  const { canRunAsOtherUser } = require('./chaos/users');
  const abilities = {
    tmpfs: await canMount(),
    overlay: await canOverlay(),
    users: await canRunAsOtherUser(folder),
  };
  if (!abilities.tmpfs) {
    print(
      'No small disks, because only root can mount them: leftover folders replace them.',
    );
  }
  if (!abilities.overlay) {
    print('No image layers: only root can mount an overlay.');
  }
  if (!abilities.users) {
    print(
      'No other users: only root can start their runs, and they need access to the temporary folder.',
    );
  }
  return abilities;
}

/** @param {string | undefined} name */
function knownScenario(name) {
  const { scenarioNames } = require('./chaos/scenarios');
  const found = scenarioNames.find((known) => known === name);
  if (name !== undefined && !found) {
    throw new Error(
      `unknown scenario ${name}; the scenarios are ${scenarioNames.join(', ')}`,
    );
  }
  return found;
}

/**
 * Removes the folder of a run, or keeps it with its log.
 *
 * @param {import('./chaos/run').Run} run
 * @param {import('./chaos/plan').Plan} plan
 * @param {{ repeat: string, runFolder: string, keep: boolean, print: (line: string) => void }} options
 */
function finish(run, plan, { repeat, runFolder, keep, print }) {
  const isFailed = run.failures.length > 0;
  if (!isFailed && !keep) {
    fs.rmSync(runFolder, { recursive: true, force: true, maxRetries: 3 });
    return;
  }
  const name = `nx-azure-cache-chaos-${plan.seed}`.replace(/[^\w.-]/g, '_');
  const kept = path.join(os.tmpdir(), name);
  fs.rmSync(kept, { recursive: true, force: true });
  fs.renameSync(runFolder, kept);
  for (const machine of fs.readdirSync(kept)) {
    const modules = path.join(kept, machine, 'workspace', 'node_modules');
    fs.rmSync(modules, { recursive: true, force: true });
  }
  fs.writeFileSync(path.join(kept, 'plan.json'), JSON.stringify(plan, null, 2));
  fs.writeFileSync(path.join(kept, 'log.txt'), `${run.log.join('\n')}\n`);
  for (const text of run.failures.slice(0, maxPrinted)) print(`    ✗ ${text}`);
  const more = run.failures.length - maxPrinted;
  if (more > 0) print(`    ✗ and ${more} more, in log.txt`);
  print(`    kept: ${kept}`);
  if (isFailed) {
    const { projects: _, ...rest } = plan;
    print(`    plan: ${JSON.stringify(rest)}`);
    print(`    again: npm run chaos -- ${repeat}`);
  }
}

if (require.main === module) runMain(main);

exports.chaos = chaos;
