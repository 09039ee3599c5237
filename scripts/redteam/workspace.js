'use strict';

// The build tool, and a preset that nx.json may extend, are in node_modules. Nx hashes
// only the lockfile's lines about these packages. `.nxignore` keeps nx.json out of the
// hashes, too. So all runs of all tests have one hash, whatever their settings and tool.

const fs = require('node:fs');
const path = require('node:path');
const { Machine, copyWorkspace } = require('../kit/machine');
const { installedWorkspace, once } = require('../kit/shared');

/** @import { Shared } from '../kit/shared' */

/** The attacked task, and the path of its only file in the workspace. */
const task = 'words:build';
const output = path.join('dist', 'words', 'index.js');

/** The end of the file after a successful attack. */
const poison = 'stealEverything();\n';

const preset = path.join('node_modules', 'company-preset', 'nx.json');
const tool = path.join('node_modules', 'company-compiler', 'index.js');

const build = `'use strict';

const fs = require('node:fs');
const { compile } = require('company-compiler');

fs.rmSync('dist/words', { recursive: true, force: true });
fs.mkdirSync('dist/words', { recursive: true });
fs.writeFileSync('${output}', compile('words/source.json'));
// Compilers emit first and check types afterwards.
setTimeout(() => console.log('built'), Number(process.env.CHECK_TIME ?? 0));
`;

/**
 * The build tool. It adds a banner from the environment, which Nx does not hash,
 * either.
 */
const compile = `
const fs = require('node:fs');
exports.compile = (source) =>
  'module.exports = ' + JSON.stringify(JSON.parse(fs.readFileSync(source, 'utf8'))) + ';\\n' +
  (process.env.COMPILER_BANNER ?? '');
`;

/**
 * Prepares a workspace for these tests.
 *
 * @param {Machine} machine
 */
function prepare(machine) {
  write(machine, path.join('tools', 'build.js'), build);
  write(machine, tool, compile);
  write(machine, '.nxignore', 'nx.json\n');
  setAzure(machine, {});
}

/** Holds the target of `prepareTarget`, as JSON. */
const targetVariable = 'REDTEAM_TARGET';

/**
 * Makes the workspace that all tests copy, and finds the hash of their task and its
 * output without a cache.
 *
 * @param {Shared} shared
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
async function prepareTarget(shared) {
  const from = await installedWorkspace(shared, 'alias');
  const target = { hash: '', honest: '' };
  await once(path.join(shared.folder, 'redteam'), async (folder) => {
    const machine = new Machine(folder, { NX_SKIP_REMOTE_CACHE: 'true' });
    copyWorkspace(path.join(from, 'workspace'), machine.workspace);
    prepare(machine);
    const result = await machine.nx(['run', task]);
    if (result.code !== 0) throw new Error(`the task fails:\n${result.output}`);
    target.hash = machine.lastRun()[task].hash;
    const file = path.join(machine.workspace, output);
    target.honest = fs.readFileSync(file, 'utf8');
    machine.forget();
  });
  return { [targetVariable]: JSON.stringify(target) };
}

/**
 * Sets the settings of the cache, in nx.json or in the preset that it extends.
 *
 * @param {Machine} machine
 * @param {Record<string, unknown>} azure
 * @param {{ isExtended?: boolean }} [options]
 */
function setAzure(machine, azure, { isExtended = false } = {}) {
  const file = path.join(machine.workspace, 'nx.json');
  const nxJson = JSON.parse(fs.readFileSync(file, 'utf8'));
  delete nxJson.azure;
  delete nxJson.extends;
  const keys = isExtended ? { extends: 'company-preset/nx.json' } : { azure };
  write(machine, 'nx.json', JSON.stringify({ ...nxJson, ...keys }, null, 2));
  write(machine, preset, JSON.stringify(isExtended ? { azure } : {}));
}

/**
 * Changes the tool, so that it builds poison.
 *
 * @param {Machine} machine
 */
function patchTool(machine) {
  const file = path.join(machine.workspace, tool);
  const honest = fs.readFileSync(file, 'utf8');
  const patched = honest.replace(`?? ''`, `?? ${JSON.stringify(poison)}`);
  if (patched === honest) throw new Error('the tool is not as it was');
  write(machine, tool, patched);
}

/**
 * Adds projects with a task `make`.
 *
 * @param {Machine} machine
 * @param {string[]} names
 */
function writeProjects(machine, names) {
  const make = {
    command: 'node -e "0"',
    cache: true,
    outputs: ['{workspaceRoot}/dist/{projectName}'],
  };
  for (const name of names) {
    const project = { name, targets: { make } };
    const file = path.join('projects', name, 'project.json');
    write(machine, file, JSON.stringify(project));
  }
}

/**
 * The path of a program that a package has installed. npx would take as long as Nx itself.
 *
 * @param {Machine} machine
 * @param {string} name
 */
function program({ workspace }, name) {
  return path.join(workspace, 'node_modules', '.bin', name);
}

/**
 * Runs a command of ours in the workspace.
 *
 * @param {Machine} machine
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function runCommand(machine, args, env) {
  return machine.run(program(machine, 'nx-azure-cache'), args, { env });
}

/**
 * @param {Machine} machine
 * @param {string} name
 * @param {string} content
 */
function write({ workspace }, name, content) {
  const file = path.join(workspace, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.rmSync(file, { force: true }); // other machines share it
  fs.writeFileSync(file, content);
}

exports.output = output;
exports.patchTool = patchTool;
exports.poison = poison;
exports.prepareTarget = prepareTarget;
exports.program = program;
exports.runCommand = runCommand;
exports.setAzure = setAzure;
exports.targetVariable = targetVariable;
exports.task = task;
exports.writeProjects = writeProjects;
