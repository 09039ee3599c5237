'use strict';

// A workspace in which each project has another kind of input, and machines that share it at
// the same commit. One run of all projects serves many cases of `explain`.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { gitHub: runOf } = require('../kit/ci');
const { commit } = require('../kit/machine');
const { secrets } = require('../kit/nx-runs');

/** @import { Fixture } from '../kit/fixture' */
/** @import { Machine } from '../kit/machine' */

/**
 * A cause of a miss in the output of `explain --json`.
 *
 * @typedef {{ kind: string, [key: string]: any }} Cause
 */

/**
 * The misses of a run by task: the kinds of the causes, and a part of what is printed.
 *
 * @typedef {Record<string, [string, RegExp]>} Expected
 */

/**
 * A project: what is in its project.json beside its name, and the other files of its folder.
 *
 * @typedef {object} Project
 * @property {unknown[]} [inputs] of build, beside the files of the project and the project's
 *   dependencies
 * @property {string[]} [dependsOn] projects
 * @property {string} [script] commands of a shell after those that write $dist/out.txt
 * @property {Record<string, string>} [files]
 * @property {boolean} [allPackages] whether each npm package is an input
 * @property {boolean} [cache] whether Nx caches build, by default true
 */

/** For the machines: Nx starts no process for each plugin, which takes half of a run. */
const quick = { NX_ISOLATE_PLUGINS: 'false' };

/** A package of the lockfile that no test changes. */
const steady = { externalDependencies: ['steady-package'] };

/**
 * Makes the workspace on a machine, and commits it.
 *
 * @param {Machine} machine
 * @param {Record<string, Project>} projects
 */
async function createProjects(machine, projects) {
  const { workspace } = machine;
  for (const folder of ['colors', 'words', 'site', 'tools']) {
    fs.rmSync(path.join(workspace, folder), { recursive: true });
  }
  changeJSON(machine, 'nx.json', (nxJson) => {
    nxJson.namedInputs = { default: ['{projectRoot}/**/*'] };
  });
  setVersion(machine, 'steady-package', '1.0.0');
  setVersion(machine, 'moving-package', '1.0.0');
  write(machine, '.gitignore', 'node_modules\ndist\n.nx\ngen\n');
  write(machine, '.nxignore', '!made-readable/gen\n');
  write(machine, 'settings.json', '{ "tone": "blue" }\n');
  const compilerOptions = { target: 'es2020' };
  write(machine, 'tsconfig.base.json', JSON.stringify({ compilerOptions }));
  for (const [name, project] of Object.entries(projects)) {
    addProject(machine, name, project);
  }
  await commit(machine, 'projects');
}

/**
 * @param {Machine} machine
 * @param {string} name
 * @param {Project} project
 */
function addProject(machine, name, project) {
  const { inputs = [], dependsOn = [], script = '', files = {} } = project;
  const { cache = true } = project;
  const packages = project.allPackages ? [] : [steady];
  const build = {
    cache,
    command: 'sh build.sh',
    options: { cwd: '{projectRoot}' },
    inputs: ['default', '^default', ...packages, ...inputs],
    outputs: [`{workspaceRoot}/dist/${name}`],
  };
  const json = { name, implicitDependencies: dependsOn, targets: { build } };
  write(machine, `${name}/project.json`, `${JSON.stringify(json, null, 2)}\n`);
  write(
    machine,
    `${name}/build.sh`,
    `dist=../dist/${name}\nmkdir -p $dist\necho ${name} > $dist/out.txt\n${script}\n`,
  );
  for (const [file, content] of Object.entries(files)) {
    write(machine, `${name}/${file}`, content);
  }
}

/**
 * Changes what the lockfile says about a package, as `npm install` would. Nothing is
 * installed.
 *
 * @param {Machine} machine
 * @param {string} name
 * @param {string} version
 */
function setVersion(machine, name, version) {
  changeJSON(machine, 'package.json', (manifest) => {
    manifest.dependencies = { ...manifest.dependencies, [name]: version };
  });
  changeJSON(machine, 'package-lock.json', ({ packages }) => {
    const { dependencies } = packages[''];
    packages[''].dependencies = { ...dependencies, [name]: version };
    packages[`node_modules/${name}`] = {
      version,
      resolved: `https://registry.npmjs.org/${name}/-/${name}-${version}.tgz`,
      integrity: `sha512-${Buffer.from(version.padEnd(64)).toString('base64')}`,
    };
  });
}

/**
 * A machine with the workspace of another one, at its commit.
 *
 * @param {Fixture} fixture
 * @param {Machine} from
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 */
function clone(fixture, from, name, env) {
  const machine = fixture.machine(name, { env: { ...quick, ...env } });
  git(machine, 'fetch', '--quiet', from.workspace, 'HEAD');
  git(machine, 'reset', '--quiet', '--hard', 'FETCH_HEAD');
  git(machine, 'clean', '--quiet', '-d', '--force');
  return machine;
}

/**
 * @param {Machine} machine
 * @param {...string} args
 */
function git({ workspace, env }, ...args) {
  const options = { cwd: workspace, env };
  return execFileSync('git', args, options).toString().trim();
}

/**
 * @param {Machine} machine
 * @param {string} file
 * @param {string} content
 */
function write({ workspace }, file, content) {
  const target = path.join(workspace, file);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, content);
}

/**
 * @param {Machine} machine
 * @param {string} file
 * @param {(value: any) => void} change
 */
function changeJSON(machine, file, change) {
  const text = fs.readFileSync(path.join(machine.workspace, file), 'utf8');
  const value = JSON.parse(text);
  change(value);
  write(machine, file, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * The variables of a run of GitHub Actions at the commit of a machine: a push to main, or a
 * pull request.
 *
 * @param {Machine} machine
 * @param {{ run: number, pull?: number }} options
 */
function gitHub(machine, { run, pull }) {
  const event = `event-${run}.json`;
  const file = path.join(machine.home, event);
  const payload = {
    repository: { full_name: 'acme/shop', default_branch: 'main' },
    ...(pull && { number: pull, pull_request: { number: pull } }),
  };
  fs.writeFileSync(file, JSON.stringify(payload));
  const ref = pull ? `refs/pull/${pull}/merge` : 'refs/heads/main';
  return runOf(pull ? 'pull_request' : 'push', ref, {
    GITHUB_EVENT_PATH: file,
    GITHUB_RUN_ID: String(run),
    GITHUB_SHA: git(machine, 'rev-parse', 'HEAD'),
  });
}

/**
 * Runs `explain` as users do.
 *
 * @param {Machine} machine
 * @param {string[]} [args]
 * @param {{ env?: NodeJS.ProcessEnv, code?: number }} [options]
 */
async function explain(machine, args = [], { env, code = 0 } = {}) {
  const command = path.join(machine.workspace, 'node_modules/.bin');
  const result = await machine.run(
    path.join(command, 'nx-azure-cache'),
    ['explain', ...args],
    { env },
  );
  assert.equal(result.code, code, result.output);
  for (const secret of secrets()) {
    assert.ok(!result.output.includes(secret), 'the output holds a secret');
  }
  return result;
}

/**
 * Runs `explain` for programs and for people.
 *
 * @param {Machine} machine
 * @param {string[]} [args]
 * @param {{ env?: NodeJS.ProcessEnv }} [options]
 */
async function explainTwice(machine, args = [], options = {}) {
  const [json, text] = await Promise.all([
    explain(machine, ['--json', ...args], options),
    explain(machine, args, options),
  ]);
  return { json, text: text.stdout, misses: missesOf(json) };
}

/**
 * The misses in the output of `explain --json`, by task.
 *
 * @param {{ stdout: string }} result
 * @returns {Record<string, { causes: Cause[] }>}
 */
function missesOf({ stdout }) {
  const { misses } = JSON.parse(stdout);
  return Object.fromEntries(
    misses.map((/** @type {any} */ miss) => [miss.task, miss]),
  );
}

/**
 * Asserts which tasks were misses, and the kinds of their causes.
 *
 * @param {ReturnType<typeof missesOf>} misses
 * @param {Expected} expected
 */
function assertCauses(misses, expected) {
  const kinds = Object.entries(misses).map(([task, { causes }]) => [
    task,
    causes.map(({ kind }) => kind).join(', '),
  ]);
  const wanted = Object.entries(expected).map(([task, [kind]]) => [task, kind]);
  assert.deepEqual(Object.fromEntries(kinds), Object.fromEntries(wanted));
}

/**
 * Asserts what is printed for people.
 *
 * @param {string} text
 * @param {Expected} expected
 */
function assertLines(text, expected) {
  for (const [, line] of Object.values(expected)) assert.match(text, line);
}

exports.assertLines = assertLines;
exports.assertCauses = assertCauses;
exports.missesOf = missesOf;
exports.addProject = addProject;
exports.changeJSON = changeJSON;
exports.clone = clone;
exports.createProjects = createProjects;
exports.explain = explain;
exports.explainTwice = explainTwice;
exports.git = git;
exports.gitHub = gitHub;
exports.quick = quick;
exports.setVersion = setVersion;
exports.write = write;
