'use strict';

// npm run demo: the whole product on this machine. Two "machines" build the same
// Nx workspace; the second retrieves the results of the first from the container.
// With --doctor, machine A also runs doctor.

const fs = require('node:fs');
const path = require('node:path');
const { build } = require('./build');
const { startAzurite, createContainer, listBlobs } = require('./kit/azurite');
const { runMain, temporaryFolder } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { kept } = require('./kit/kept');
const { developmentLicense } = require('./kit/license');
const {
  Machine,
  createWorkspace,
  cloneWorkspace,
  commit,
} = require('./kit/machine');
const { alias, specifier } = require('./kit/names');
const { publishAll, startVerdaccio } = require('./kit/verdaccio');

const container = 'nxcache';
const command = ['run-many', '--targets=build,test'];

async function main() {
  await install();
  step('Building the binary and the npm packages');
  const packages = await build();

  step('Starting Azurite and Verdaccio on 127.0.0.1');
  const [azurite, verdaccio] = await Promise.all([
    startAzurite(),
    startVerdaccio(),
  ]);
  await publishAll(verdaccio, packages);

  step(`Creating container ${container}, issuing a development license`);
  await createContainer(azurite.connectionString, container);
  const env = {
    AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString,
    NX_POWERPACK_LICENSE: await developmentLicense(),
    // Downloads stay for machine B, and for the next run.
    npm_config_cache: path.join(kept, 'npm'),
  };
  const folder = temporaryFolder('demo');
  const a = new Machine(path.join(folder, 'machine-a'), env);
  const b = new Machine(path.join(folder, 'machine-b'), env);

  step('Machine A: a workspace with Nx 24');
  await createWorkspace(a, verdaccio.url);
  await nx(a, ['add', specifier]);
  await nx(a, [...['generate', `${alias}:init`], `--container=${container}`]);
  if (process.argv.includes('--doctor')) await doctor(a);
  await commit(a, 'use nx-azure-cache');
  const builtThere = await measure(a);

  step('Machine B: a fresh clone; machine A loses all it had');
  await cloneWorkspace(a, b);
  fs.rmSync(a.home, { recursive: true });
  fs.rmSync(a.workspace, { recursive: true });
  const restored = await measure(b);

  printTable(builtThere, restored);
  const blobs = await listBlobs(azurite.connectionString, container);
  const bytes = blobs.reduce((sum, blob) => sum + blob.size, 0);
  console.log(
    `\nThe container holds ${blobs.length} blobs, ${(bytes / 1024).toFixed(1)} KiB.`,
  );
  return exitCode(restored, fs.existsSync(path.join(b.workspace, 'dist/site')));
}

/** @param {string} text */
function step(text) {
  console.log(`\n● ${text} …`);
}

/**
 * Runs Nx and shows its output.
 *
 * @param {Machine} machine
 * @param {string[]} args
 */
async function nx(machine, args) {
  console.log(`  $ npx nx ${args.join(' ')}`);
  const { code, took } = await machine.npxNx(args, { echo: true });
  if (code !== 0) throw new Error(`nx ${args[0]} ended with ${code}`);
  return took;
}

/**
 * Shows the report of `doctor`.
 *
 * @param {Machine} machine
 */
async function doctor(machine) {
  const args = ['--no-install', 'nx-azure-cache', 'doctor'];
  console.log('  $ npx nx-azure-cache doctor');
  await machine.run('npx', args, { echo: true });
}

/**
 * Runs the tasks.
 *
 * @param {Machine} machine
 */
async function measure(machine) {
  const took = await nx(machine, command);
  return { tasks: machine.lastRun(), took };
}

/** @typedef {Awaited<ReturnType<typeof measure>>} Measured */

/** @type {Record<string, string>} */
const source = {
  'cache-miss': 'ran',
  'local-cache-hit': 'local cache',
  'remote-cache-hit': 'remote cache',
};

/**
 * @param {Measured} a
 * @param {Measured} b
 */
function printTable(a, b) {
  const header = ['task', 'machine A', '', 'machine B', ''];
  const rows = Object.keys(a.tasks)
    .sort()
    .map((task) => [task, ...cells(a.tasks[task]), ...cells(b.tasks[task])]);
  rows.push([
    'whole run, with start of Nx',
    '',
    time(a.took),
    '',
    time(b.took),
  ]);
  const widths = header.map((_, i) =>
    Math.max(...[header, ...rows].map((row) => row[i].length)),
  );
  const line = (/** @type {string[]} */ row) =>
    '  ' + row.map((cell, i) => cell.padEnd(widths[i])).join('  ');
  console.log(`\n${line(header)}\n${line(widths.map((n) => '─'.repeat(n)))}`);
  for (const row of rows) console.log(line(row));
}

/** @param {Measured['tasks'][string] | undefined} task */
function cells(task) {
  if (!task) return ['missing', ''];
  // Nx does not measure the time of a hit; the whole run includes it.
  const ran = task.cacheStatus === 'cache-miss';
  return [source[task.cacheStatus], ran ? time(task.took) : ''];
}

/** @param {number} milliseconds */
function time(milliseconds) {
  return `${milliseconds.toFixed(0)} ms`.padStart(8);
}

/**
 * @param {Measured} restored
 * @param {boolean} hasOutputs
 */
function exitCode(restored, hasOutputs) {
  const tasks = Object.values(restored.tasks);
  const missed = tasks.filter(
    ({ cacheStatus }) => cacheStatus !== 'remote-cache-hit',
  );
  if (tasks.length === 0 || missed.length > 0 || !hasOutputs) {
    console.error(
      '\n✗ Machine B did not get everything from the remote cache.',
    );
    return 1;
  }
  console.log(
    `✔ Machine B got all ${tasks.length} results from the remote cache.`,
  );
  return 0;
}

runMain(main);
