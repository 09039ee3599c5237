'use strict';

// `explain` on a developer's machine that may only read, after CI has stored the results of
// all projects. Each project has another kind of input, and that input has changed.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { connectionStringOfSAS, listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { commit } = require('../kit/machine');
const { lastRunRecord, storedRecords } = require('../kit/run-records');
const { shared } = require('../kit/shared');
const { quickTest: test } = require('../kit/tests');
const {
  assertCauses,
  assertLines,
  changeJSON,
  clone,
  createProjects,
  explain,
  git,
  gitHub,
  missesOf,
  setVersion,
  write,
} = require('./explain-workspace');

/** @import { Machine } from '../kit/machine' */

const build = ['run-many', '--target=build'];

/** The values of STAGE: no output may contain one. */
const stages = ['stage-of-ci-4711', 'stage-of-mine-4712'];

const generated = { fileset: '{projectRoot}/gen/**/*', includeIgnored: true };

/** @type {Record<string, import('./explain-workspace').Project>} */
const projects = {
  unchanged: {},
  file: { files: { 'src/main.txt': '' } },
  ignored: { inputs: [generated] },
  'made-readable': {},
  variable: { inputs: [{ env: 'STAGE' }] },
  runtime: { inputs: [{ runtime: 'node -p process.env.RELEASE' }] },
  system: { inputs: [{ runtime: 'uname -s' }] },
  package: { inputs: [{ externalDependencies: ['moving-package'] }] },
  packages: { allPackages: true },
  settings: {},
  library: { files: { 'src/main.txt': '' } },
  dependent: { dependsOn: ['library'] },
  consumer: {
    dependsOn: ['library'],
    inputs: [{ dependentTasksOutputFiles: '**/*.txt' }],
  },
};

/**
 * What the developer's run misses.
 *
 * @type {import('./explain-workspace').Expected}
 */
const expected = {
  'file:build': [
    'project-files',
    /files of file changed: file\/src\/main\.txt/,
  ],
  'ignored:build': ['ignored-files', /ignored\/gen\/file\.txt/],
  'made-readable:build': ['ignored-files', /made-readable\/gen\/file\.txt/],
  'variable:build': ['variable', /the variable STAGE has another value/],
  'runtime:build': ['runtime', /"node -p process\.env\.RELEASE"/],
  'system:build': ['runtime', /"uname -s"/],
  'package:build': ['npm-packages', /moving-package.* 1\.0\.0 → 1\.0\.1/],
  'packages:build': ['npm-packages', /moving-package 1\.0\.0 → 1\.0\.1/],
  'settings:build': ['project-configuration', /settings\/project\.json/],
  'library:build': ['project-files', /library\/src\/main\.txt/],
  'dependent:build': ['dependency-files', /library\/src\/main\.txt/],
  'consumer:build': ['dependency-files', /library\/src\/main\.txt/],
};

test('explain names the input that has changed', async (t) => {
  const fixture = await startFixture(t);
  const { container, recorder } = fixture;
  const ci = fixture.machine('ci', { azure: { records: 'ci' } });
  await createProjects(ci, projects);
  const readOnly = {
    NX_AZURE_CACHE_CONNECTION_STRING: connectionStringOfSAS(
      recorder.endpoint,
      container,
      'rl',
    ),
    NX_POWERPACK_CACHE_MODE: 'read-only',
  };
  const mine = clone(fixture, ci, 'mine', readOnly);
  const other = clone(fixture, ci, 'other', readOnly);
  for (const machine of [ci, mine, other]) generate(machine, 'one');
  const [inCI, here] = stages;
  const env = { STAGE: inCI, RELEASE: 'one' };
  await run(ci, build, { ...gitHub(ci, { run: 1 }), ...env });
  const blobs = await namesOf(container);
  const stored = await storedRecords(shared().azurite, container);
  assert.equal(Object.keys(stored).length, 1, blobs.join('\n'));

  changeEach(mine);
  const PATH = `${fakeSystem(mine)}${path.delimiter}${process.env.PATH}`;
  await run(mine, build, { STAGE: here, RELEASE: 'two', PATH });
  const misses = missesOf(await explain(mine, ['--json']));
  assertCauses(misses, expected);
  const { stdout } = await explain(mine);
  assertLines(stdout, expected);
  // Records have the name of the variable, not its value.
  const records = JSON.stringify([stored, lastRunRecord(mine)]);
  assert.ok(records.includes('env:STAGE'));
  for (const stage of stages) assert.ok(!(records + stdout).includes(stage));
  assert.deepEqual(await namesOf(container), blobs, 'it writes nothing');

  // Nx hashes nx.json with each task, so one line says so for all.
  changeJSON(other, 'nx.json', (nxJson) => {
    nxJson.targetDefaults.lint = { cache: true };
  });
  await commit(other, 'lint is cached');
  await run(other, build, env);
  const tasks = Object.keys(projects).map((project) => `${project}:build`);
  const head = git(other, 'rev-parse', '--short=7', 'HEAD');
  const line = new RegExp(
    `^${tasks.length} tasks: nx\\.json changed.*${head}`,
    'm',
  );
  /** @type {import('./explain-workspace').Expected} */
  const all = Object.fromEntries(
    tasks.map((task) => [task, ['workspace-files', line]]),
  );
  assertCauses(missesOf(await explain(other, ['--json'])), all);
  assertLines((await explain(other)).stdout, all);

  // The arguments of a task are an input without a name.
  await run(other, ['run', 'unchanged:build', '--tone=red'], env);
  const { 'unchanged:build': miss } = missesOf(
    await explain(other, ['--json', 'unchanged:build']),
  );
  assert.ok(miss.causes.some(({ kind }) => kind === 'command'));

  // Without a network, explain knows the run, but not what to compare it with.
  recorder.refuse();
  const offline = await explain(other);
  assert.match(offline.stdout, /unchanged:build/);
});

/**
 * @param {Machine} machine
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function run(machine, args, env) {
  const { code, output } = await machine.nx(args, { env });
  assert.equal(code, 0, output);
  for (const stage of stages) assert.ok(!output.includes(stage), output);
}

/** @param {string} container */
async function namesOf(container) {
  const blobs = await listBlobs(shared().azurite, container);
  return blobs.map(({ name }) => name).sort();
}

/**
 * Writes the files that git ignores.
 *
 * @param {Machine} machine
 * @param {string} content
 */
function generate(machine, content) {
  for (const project of ['ignored', 'made-readable']) {
    write(machine, `${project}/gen/file.txt`, content);
  }
}

/**
 * Changes the input of each project.
 *
 * @param {Machine} machine
 */
function changeEach(machine) {
  write(machine, 'file/src/main.txt', 'changed');
  write(machine, 'library/src/main.txt', 'changed');
  generate(machine, 'two');
  setVersion(machine, 'moving-package', '1.0.1');
  changeJSON(machine, 'settings/project.json', ({ targets }) => {
    targets.build.options.env = { TONE: 'red' };
  });
}

/**
 * A folder with the `uname` of another system.
 *
 * @param {Machine} machine
 */
function fakeSystem(machine) {
  const folder = path.join(machine.home, 'bin');
  fs.mkdirSync(folder);
  const script = '#!/bin/sh\necho Darwin\n';
  fs.writeFileSync(path.join(folder, 'uname'), script, { mode: 0o755 });
  return folder;
}
