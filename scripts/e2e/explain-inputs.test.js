'use strict';

// `explain` on a developer's machine that may only read, after CI has stored the results of
// all projects. Each project has another kind of input, and that input has changed.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { zstd } = require('../kit/archives');
const { connectionStringOfSAS, listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { commit } = require('../kit/machine');
const {
  lastRunFile,
  lastRunRecord,
  storedRecords,
} = require('../kit/run-records');
const { shared } = require('../kit/shared');
const { quickTest: test } = require('../kit/tests');
const {
  assertCauses,
  assertLines,
  changeJSON,
  clone,
  createProjects,
  explain,
  explainTwice,
  git,
  gitHub,
  quick,
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
  fields: {
    inputs: [{ json: '{workspaceRoot}/settings.json', fields: ['tone'] }],
  },
  folder: { inputs: [{ workingDirectory: 'relative' }] },
  list: {},
  // It has other outputs in each run, although its inputs are equal.
  unsteady: {
    cache: false,
    script: 'echo $RELEASE > $dist/out.txt',
  },
  reader: {
    dependsOn: ['unsteady'],
    inputs: [{ dependentTasksOutputFiles: '**/*.txt' }],
  },
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
  'fields:build': [
    'json-fields',
    /fields tone of a JSON file changed: settings\.json, not committed/,
  ],
  'folder:build': ['working-directory', /Nx was started in another folder/],
  'list:build': [
    'project-files, input-list',
    /other inputs than before: \+env:OTHER/,
  ],
  'reader:build': [
    'dependency-outputs',
    /reader:build: .*outputs of dependencies in dist\/unsteady changed/,
  ],
  'library:build': ['project-files', /library\/src\/main\.txt/],
  'dependent:build': ['dependency-files', /library\/src\/main\.txt/],
  'consumer:build': ['dependency-files', /library\/src\/main\.txt/],
};

/**
 * What is different if the run had another operating system and version of Nx.
 *
 * @type {import('./explain-workspace').Expected}
 */
const expectedElsewhere = {
  'runtime:build': [
    'operating-system',
    /this run is on darwin\/arm64, the other one on linux\//,
  ],
  'system:build': ['operating-system', /"uname -s" .* darwin\/arm64/],
  'list:build': [
    'project-files, nx-version',
    /this run has Nx 22\.7\.12, the other one [\d.]+/,
  ],
};

test('explain names the input that has changed', async (t) => {
  const fixture = await startFixture(t);
  const { container, recorder } = fixture;
  const ci = fixture.machine('ci', {
    azure: { records: 'ci' },
    env: quick,
  });
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
  await commitChanges(other);
  const PATH = `${fakeSystem(mine)}${path.delimiter}${process.env.PATH}`;
  const changed = { STAGE: here, RELEASE: 'two', PATH };
  await Promise.all([
    run(mine, build, changed, 'folder'),
    run(other, [...build, `--projects=${some}`, '--tone=red'], env),
  ]);

  const { misses, text } = await explainTwice(mine);
  assertCauses(misses, expected);
  assertLines(text, expected);
  const named = await explain(mine, ['unchanged:build', 'unsteady:build']);
  assert.match(
    named.stdout,
    /^unchanged:build: a hit from the remote cache, scope trusted, /m,
  );
  assert.match(
    named.stdout,
    /^unsteady:build: not a miss \(Nx does not cache/m,
  );
  // Records have the name of the variable, not its value.
  const records = JSON.stringify([stored, lastRunRecord(mine)]);
  assert.ok(records.includes('env:STAGE'));
  for (const stage of stages) assert.ok(!(records + text).includes(stage));
  assert.deepEqual(await namesOf(container), blobs, 'it writes nothing');

  // The same run, as if it had another system and another version of Nx.
  const there = { nx: '22.7.12', os: 'darwin', arch: 'arm64' };
  const record = JSON.stringify({ ...lastRunRecord(mine), ...there });
  fs.writeFileSync(lastRunFile(mine), zstd(Buffer.from(record)));
  const elsewhere = await explainTwice(mine);
  assertCauses(elsewhere.misses, { ...expected, ...expectedElsewhere });
  assertLines(elsewhere.text, expectedElsewhere);

  // Nx hashes nx.json, tsconfig.base.json and the arguments with each task, so one line
  // says so for all.
  const common = await explainTwice(other);
  const head = git(other, 'rev-parse', '--short=7', 'HEAD');
  for (const cause of [
    `nx\\.json changed, in ${head}`,
    `the settings of TypeScript changed .*: tsconfig\\.base\\.json, in ${head}`,
    'the arguments of the task, or its command, differ',
  ]) {
    assert.match(
      common.text,
      new RegExp(`^${some.length} tasks: ${cause}`, 'm'),
    );
  }
  assertCauses(common.misses, ofSome('command, typescript, workspace-files'));

  // Without a network, explain knows the run, but not what to compare it with.
  recorder.refuse();
  const offline = await explainTwice(other);
  assertCauses(offline.misses, ofSome('no-records'));
  assert.match(offline.text, /3 tasks: there is no record to compare with/);
});

/** The projects whose tasks run after a change of what is an input of each task. */
const some = ['unchanged', 'file', 'variable'];

/**
 * @param {string} kinds of causes
 * @returns {import('./explain-workspace').Expected}
 */
const ofSome = (kinds) =>
  Object.fromEntries(some.map((name) => [`${name}:build`, [kinds, /./]]));

/**
 * @param {Machine} machine
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [folder] of the workspace, in which Nx starts
 */
async function run(machine, args, env, folder = '.') {
  const nx = path.join(machine.workspace, 'node_modules/.bin/nx');
  const { code, output } = await machine.run(
    'sh',
    ['-c', 'cd "$0" && exec "$@"', folder, nx, ...args],
    { env },
  );
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
  changeJSON(machine, 'settings.json', (settings) => {
    settings.tone = 'red';
  });
  changeJSON(machine, 'list/project.json', ({ targets }) => {
    targets.build.inputs.push({ env: 'OTHER' });
  });
}

/**
 * Commits a change of what is an input of each task.
 *
 * @param {Machine} machine
 */
async function commitChanges(machine) {
  changeJSON(machine, 'nx.json', (nxJson) => {
    nxJson.targetDefaults.lint = { cache: true };
  });
  changeJSON(machine, 'tsconfig.base.json', (settings) => {
    settings.compilerOptions.target = 'es2022';
  });
  await commit(machine, 'lint is cached');
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
