'use strict';

// Upgrading and uninstalling, with real Nx, npm and a registry. Another company's package has
// the name that Nx loads, as on npmjs.com.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { fullTest, quickTest } = require('../kit/tests');
const { startFixture } = require('../kit/fixture');
const {
  foreignVersion,
  publishForeignPackage,
} = require('../kit/foreign-package');
const { alias, specifier } = require('../kit/names');
const { build, runNx } = require('../kit/nx-runs');
const { once, shared } = require('../kit/shared');
const { version } = require('../../package.json');

/** @import { Machine } from '../kit/machine' */

const ours = `npm:nx-azure-cache@${version}`;

/** Publishes the foreign package once. */
const foreignPackage = () =>
  once(path.join(shared().folder, 'foreign'), () =>
    publishForeignPackage(shared().registry),
  );

/** @param {Machine} machine */
function manifestFile({ workspace }) {
  return path.join(workspace, 'package.json');
}

/** @param {Machine} machine */
function readManifest(machine) {
  return JSON.parse(fs.readFileSync(manifestFile(machine), 'utf8'));
}

/**
 * Sets the version of the package, and other parts of package.json.
 *
 * @param {Machine} machine
 * @param {string} spec
 * @param {object} [more]
 */
function setSpec(machine, spec, more) {
  const manifest = { ...readManifest(machine), ...more };
  manifest.devDependencies[alias] = spec;
  fs.writeFileSync(manifestFile(machine), JSON.stringify(manifest, null, 2));
}

/** @param {Machine} machine */
const specOf = (machine) => readManifest(machine).devDependencies[alias];

/**
 * The name and version of the installed package.
 *
 * @param {Machine} machine
 */
function installed({ workspace }) {
  const file = path.join(workspace, 'node_modules', alias, 'package.json');
  if (!fs.existsSync(file)) return undefined;
  const { name, version } = JSON.parse(fs.readFileSync(file, 'utf8'));
  return `${name}@${version}`;
}

/**
 * Runs a command that must succeed.
 *
 * @param {Machine} machine
 * @param {string} command
 */
async function must(machine, command) {
  const [program, ...args] = command.split(' ');
  // Otherwise nx migrate downloads the newest Nx first, and runs that one.
  const env = { NX_USE_LOCAL: 'true', NX_MIGRATE_USE_LOCAL: 'true' };
  const result = await machine.run(program, args, { env });
  assert.equal(result.code, 0, `${command}:\n${result.output}`);
  return result.output;
}

/**
 * nx migrate removes the alias, a run reports it, and `update` restores it.
 *
 * @param {Machine} machine
 */
async function migrateAndRepair(machine) {
  await must(machine, `npx nx migrate ${alias}@${foreignVersion}`);
  assert.equal(specOf(machine), foreignVersion);
  const lines = await runNx(machine, build);
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /99\.0\.0 without the alias npm:nx-azure-cache/);
  const [, command] = /: run (npx nx g \S+)/.exec(lines[0]) ?? [];
  assert.ok(command, lines[0]);

  await must(machine, `${command} --dry-run`);
  assert.equal(specOf(machine), foreignVersion);
  assert.match(await must(machine, command), /Next: run npm install\./);
  assert.equal(specOf(machine), ours);
  await must(machine, 'npm install --ignore-scripts');
  assert.equal(installed(machine), `nx-azure-cache@${version}`);
  assert.deepEqual(await runNx(machine, build), []);
}

quickTest('nx migrate removes the alias, and update restores it', async (t) => {
  await foreignPackage();
  const a = (await startFixture(t)).machine('a');
  await migrateAndRepair(a);

  // An override makes npm stop, before it downloads anything.
  setSpec(a, foreignVersion, { overrides: { [alias]: ours } });
  const stopped = await a.run('npm', ['install', '--ignore-scripts']);
  assert.match(stopped.output, /EOVERRIDE/);
  assert.equal(installed(a), `nx-azure-cache@${version}`);
});

fullTest('nx migrate of Nx 20 removes the alias, too', async (t) => {
  await foreignPackage();
  const { machine } = await startFixture(t, { nx: '20.0.13' });
  const a = machine('a');
  await migrateAndRepair(a);

  await must(a, 'npx nx migrate nx@24.0.6');
  assert.equal(readManifest(a).devDependencies.nx, '24.0.6');
  assert.equal(specOf(a), ours, 'upgrading Nx keeps the alias');
});

quickTest('another package in our place: doctor finds it', async (t) => {
  await foreignPackage();
  const a = (await startFixture(t)).machine('a');
  setSpec(a, foreignVersion);
  await must(a, 'npm install --ignore-scripts');
  assert.equal(installed(a), `${alias}@${foreignVersion}`);
  assert.deepEqual(await runNx(a, build), [], 'no code of ours runs');

  const { stdout } = await a.run('npx', [
    ...['--yes', 'nx-azure-cache', 'doctor', '--json'],
  ]);
  /** @type {{ checks: { id: string, status: string, found: string, fix: string }[] }} */
  const { checks } = JSON.parse(stdout);
  const row = checks.find(({ id }) => id === 'loaded');
  assert.equal(row?.status, 'failed');
  assert.match(JSON.stringify(row), /is not nx-azure-cache/);
  assert.match(JSON.stringify(row), new RegExp(`nx add ${specifier}`));

  await must(a, `npx nx add ${specifier}`);
  assert.equal(installed(a), `nx-azure-cache@${version}`);
  assert.deepEqual(await runNx(a, build), []);
});

quickTest('remove leaves a workspace without the cache', async (t) => {
  const a = (await startFixture(t)).machine('a');
  const read = (/** @type {string} */ name) =>
    fs.readFileSync(path.join(a.workspace, name), 'utf8');
  const [nxJson, manifest] = [read('nx.json'), read('package.json')];
  const remove = `npx nx g ${alias}:remove`;
  assert.match(await must(a, `${remove} --dry-run`), /UPDATE nx\.json/);
  assert.deepEqual([read('nx.json'), read('package.json')], [nxJson, manifest]);

  assert.match(await must(a, remove), /- Run npm install\./);
  await must(a, 'npm install --ignore-scripts');
  assert.equal(installed(a), undefined);
  const left = ['nx.json', 'package.json', 'package-lock.json'].map(read);
  assert.doesNotMatch(left.join('\n'), /azure/i);
  assert.deepEqual(await runNx(a, build), []);
});
