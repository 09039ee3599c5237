'use strict';

// Job summaries: what a run shows on the page of its job, and the file for everything else.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { quickTest: test } = require('../kit/tests');
const {
  azurePipelinesOnMain,
  gitHubOnMain,
  gitLabOnMain,
} = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { commit } = require('../kit/machine');
const { assertStatus, build, ourLines, summary } = require('../kit/nx-runs');

/** @import { Machine } from '../kit/machine' */

/**
 * Runs Nx, which must succeed. Returns its output, and our lines without the summary line.
 *
 * @param {Machine} machine
 * @param {string[]} [args]
 */
async function run(machine, args = build) {
  const { code, output } = await machine.nx(args);
  assert.equal(code, 0, output);
  const lines = ourLines(output).filter((line) => !summary.test(line));
  return { output, lines };
}

/**
 * A new empty file, such as a runner makes.
 *
 * @param {string} folder
 * @param {string} name
 */
function emptyFile(folder, name) {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, name);
  fs.writeFileSync(file, '');
  return file;
}

/** @param {string} file */
const read = (file) => fs.readFileSync(file, 'utf8');

/**
 * Our sections of a step's summary, to which Nx 24 adds a report of its own.
 *
 * @param {string} file
 */
const sections = (file) =>
  read(file)
    .split(/^(?=##)/m)
    .filter((each) => each.startsWith('### Remote cache of Nx: '));

/** The rows of three tasks that ran, whatever their order and the time. */
const rows = (/** @type {string} */ text) =>
  [...text.matchAll(/^\| `(\w+:build)` \| \d+(?:\.\d)? s \|/gm)]
    .map(([, task]) => task)
    .sort();

test('the runs of a step in GitHub Actions add to its summary', async (t) => {
  const { machine, folder } = await startFixture(t);
  const file = emptyFile(folder, 'step_summary');
  const env = { ...gitHubOnMain, GITHUB_STEP_SUMMARY: file };
  const a = machine('a', { env });
  const first = await run(a);
  assert.deepEqual(first.lines, []);
  const [section] = sections(file);
  assert.match(section, /^### Remote cache of Nx: 0 hits, 3 misses\n\n/);
  assert.match(section, / 3 misses, 3 stored, .*, scope `trusted`\n/);
  assert.deepEqual(rows(section), [
    'colors:build',
    'site:build',
    'words:build',
  ]);
  const before = read(file);

  a.forget();
  const second = await run(a);
  assertStatus(a, 'remote-cache-hit');
  assert.deepEqual(second.lines, []);
  assert.ok(read(file).startsWith(before), read(file));
  const [, another] = sections(file);
  assert.match(another, /^### Remote cache of Nx: 3 hits, 0 misses\n\n/);
  assert.equal(sections(file).length, 2);
  assert.doesNotMatch(first.output + second.output, /uploadsummary/);
});

test('the slowest misses have their cause, for a handful of requests', async (t) => {
  const { machine, folder, recorder } = await startFixture(t);
  const file = emptyFile(folder, 'step_summary');
  const a = machine('a', { azure: { records: 'ci' } });
  const head = () =>
    execFileSync('git', ['rev-parse', 'HEAD'], {
      ...{ cwd: a.workspace, env: a.env, encoding: 'utf8' },
    }).trim();
  Object.assign(a.env, gitHubOnMain, { GITHUB_SHA: head() });
  await run(a); // without a summary: no request for causes
  const withoutSummary = recorder.take();
  const isRead = (/** @type {string} */ request) => request.startsWith('GET');
  assert.equal(withoutSummary.filter(isRead).length, 3);

  const source = path.join(a.workspace, 'words', 'source.json');
  fs.writeFileSync(source, `${read(source)}\n`);
  await commit(a, 'words'); // a summary does not look for other files
  Object.assign(a.env, { GITHUB_STEP_SUMMARY: file, GITHUB_SHA: head() });
  await run(a);
  assert.match(
    read(file),
    /^\| `words:build` \| \d+(\.\d)? s \| .*`words\/source\.json`.* \|$/m,
  );
  assert.match(read(file), / Run `npx nx-azure-cache explain --run \S+` /);
  const reads = recorder.take().filter(isRead);
  assert.ok(reads.length <= 3 + 5, `${reads}`);
});

test('Azure Pipelines uploads the summary of a run', async (t) => {
  const { machine, folder } = await startFixture(t);
  const env = { ...azurePipelinesOnMain, AGENT_TEMPDIRECTORY: folder };
  const { lines, output } = await run(machine('a', { env }));
  assert.deepEqual(lines, []);
  const uploads = [...output.matchAll(/^##vso\[task\.uploadsummary\](.*)$/gm)];
  assert.equal(uploads.length, 1, output);
  const [[, file]] = uploads;
  assert.equal(path.dirname(file), folder);
  assert.match(read(file), /^### Remote cache of Nx: 0 hits, 3 misses\n\n/);
  assert.equal(rows(read(file)).length, 3);
});

test('the runs of a job in GitLab add up in its metrics, which are no input', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { env: gitLabOnMain });
  const file = path.join(a.workspace, '.nx/cache/nx-azure-cache-metrics.txt');
  const value = (/** @type {string} */ name) =>
    new RegExp(`^nx_azure_cache_${name} (.*)$`, 'm').exec(read(file))?.[1];
  assert.deepEqual((await run(a)).lines, []);
  assert.deepEqual(['runs', 'misses', 'local_hits', 'stored'].map(value), [
    '1',
    '3',
    '0',
    '3',
  ]);
  // Neither the file nor the first run has changed a hash.
  assert.deepEqual((await run(a)).lines, []);
  assertStatus(a, 'local-cache-hit');
  assert.deepEqual(['runs', 'misses', 'local_hits', 'stored'].map(value), [
    '2',
    '3',
    '3',
    '3',
  ]);
  a.env.CI_JOB_ID = '78';
  assert.deepEqual((await run(a)).lines, []);
  assert.equal(value('runs'), '1');
});

test('NX_AZURE_CACHE_SUMMARY_FILE gets a line of each run, also outside CI', async (t) => {
  const { machine, folder } = await startFixture(t);
  const file = path.join(folder, 'totals.jsonl');
  const a = machine('a', { env: { NX_AZURE_CACHE_SUMMARY_FILE: file } });
  for (const runs of [1, 2]) {
    assert.deepEqual((await run(a)).lines, []);
    // A developer's run does not wait for it.
    for (
      let waited = 0;
      !fs.existsSync(file) || read(file).split('\n').length <= runs;
      waited += 50
    ) {
      assert.ok(waited < 20_000, `there is no line of run ${runs}`);
      await sleep(50);
    }
  }
  const [first, second] = read(file)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { scope, ci, tasks, hits, misses, stored } = first;
  assert.deepEqual(
    { scope, ci, tasks, hits, misses, stored },
    { scope: 'local', ci: false, tasks: 3, hits: 0, misses: 3, stored: 3 },
  );
  assert.equal(second.localHits, 3);
  assert.notEqual(second.session, first.session);
  assert.ok(Date.parse(first.started) < Date.parse(first.ended));
});

test('a summary that cannot be written is one line, and the run stays green', async (t) => {
  const { machine, folder } = await startFixture(t);
  const env = {
    ...{ ...gitHubOnMain, GITHUB_STEP_SUMMARY: folder },
    NX_AZURE_CACHE_SUMMARY_FILE: path.join(folder, 'missing', 'totals.jsonl'),
  };
  const { lines, output } = await run(machine('a', { env }));
  assert.equal(lines.length, 1, output);
  assert.match(lines[0], /GITHUB_STEP_SUMMARY/);
  assert.match(output, /\bNXAC103\b/);
});

test('a job that does not see the file of its summary gets no line', async (t) => {
  const { machine, folder } = await startFixture(t);
  const missing = path.join(folder, 'missing', 'step_summary');
  const env = { ...gitHubOnMain, GITHUB_STEP_SUMMARY: missing };
  assert.deepEqual((await run(machine('a', { env }))).lines, []);
});

test('azure.jobSummary false: a run adds no summary', async (t) => {
  const { machine, folder } = await startFixture(t);
  const file = emptyFile(folder, 'step_summary');
  const env = { ...gitHubOnMain, GITHUB_STEP_SUMMARY: file };
  const azure = { jobSummary: false };
  assert.deepEqual((await run(machine('a', { azure, env }))).lines, []);
  assert.deepEqual(sections(file), []);
});

test('a .env file chooses no file that a summary is written to', async (t) => {
  const { machine, folder } = await startFixture(t);
  const file = emptyFile(folder, 'precious');
  const variables = {
    GITHUB_STEP_SUMMARY: file,
    NX_AZURE_CACHE_SUMMARY_FILE: file,
    AGENT_TEMPDIRECTORY: folder,
  };
  const before = fs.readdirSync(folder);
  for (const [name, env] of Object.entries({
    github: gitHubOnMain,
    azure: azurePipelinesOnMain,
  })) {
    const a = machine(name, { env });
    const lines = Object.entries(variables).map(
      ([key, value]) => `${key}=${value}\n`,
    );
    fs.writeFileSync(path.join(a.workspace, '.env'), lines.join(''));
    const { output } = await run(a);
    assert.doesNotMatch(output, /uploadsummary/);
    // Nx 24 writes its own report there.
    assert.deepEqual(sections(file), []);
    assert.doesNotMatch(read(file), /"session"/);
  }
  assert.deepEqual(
    fs.readdirSync(folder).sort(),
    [...before, 'github', 'azure'].sort(),
  );
});

test('the name of a target is no markup in a summary', async (t) => {
  const { machine, folder } = await startFixture(t);
  const file = emptyFile(folder, 'step_summary');
  const a = machine('a', {
    env: { ...gitHubOnMain, GITHUB_STEP_SUMMARY: file },
  });
  const target = 'a|<img src=x>`@octocat [x](https://evil.example)';
  const project = path.join(a.workspace, 'words', 'project.json');
  const json = JSON.parse(read(project));
  json.targets[target] = { command: 'echo done', cache: true };
  fs.writeFileSync(project, JSON.stringify(json));
  await run(a, ['run-many', `--target=${target}`]);
  assert.match(
    read(file),
    /^\| `words:a\\x7c\\x3cimg src=x>\\x60@octocat \[x\]\(https:\/\/evil\.example\)` \| /m,
  );
});
