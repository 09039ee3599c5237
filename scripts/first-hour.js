'use strict';

// node scripts/first-hour.js
//
// Walks the first hour in empty folders with a fresh registry, on Azurite: as a developer, as
// the one who sets up CI, and as the one who removes the cache. Runs the commands of the
// pages and prints the table of docs/testing.md. The commands for Azure and GitHub need an
// account and are left out.

const fs = require('node:fs');
const path = require('node:path');
const { build } = require('./build');
const { createContainer, startAzurite } = require('./kit/azurite');
const { runMain, temporaryFolder } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { developmentLicense } = require('./kit/license');
const { Machine, commit, createWorkspace } = require('./kit/machine');
const { root } = require('./kit/root');
const { run } = require('./kit/run');
const { publishAll, startVerdaccio } = require('./kit/verdaccio');

/**
 * A command, the page that has it, and what it must print.
 *
 * @typedef {{ page: string, command: string, prints?: RegExp }} Step
 */

/**
 * Commands that one person or one job runs in a workspace.
 *
 * @typedef {{ machine: 'developer' | 'main' | 'pull request', steps: Step[] }} Part
 */

/**
 * What a person wants, and the sections that they read for it. `''` is the beginning of a
 * page.
 *
 * @typedef {{ name: string, reads: Record<string, string[]>, parts: Part[] }} Role
 */

/** @type {(command: string, prints?: RegExp) => Step} */
const inSetup = (command, prints) => ({
  page: 'docs/setup.md',
  command,
  prints,
});

/** @type {(command: string, prints?: RegExp) => Step} */
const inWorkflow = (command, prints) => ({
  page: 'docs/ci/github-actions.md',
  command,
  prints,
});

/** @type {(command: string, prints?: RegExp) => Step} */
const inUpgrade = (command, prints) => ({
  page: 'docs/upgrade.md',
  command,
  prints,
});

/** @type {Role[]} */
const roles = [
  {
    name: 'a developer, from `nx add` to the first remote hit',
    reads: {
      'README.md': ['', 'Install', 'Configure', 'License key'],
      'docs/setup.md': [
        ...['', '2. Install', '3. Settings', '4. License', '5. Sign-in'],
        '6. The first hit',
      ],
    },
    parts: [
      {
        machine: 'developer',
        steps: [
          inSetup('npx nx add @nx/powerpack-azure-cache@npm:nx-azure-cache'),
          inSetup(
            'npx nx generate @nx/powerpack-azure-cache:init --container=nxcache',
            /UPDATE nx\.json/,
          ),
          inSetup(
            'npx nx generate @nx/powerpack-azure-cache:activate eyJ…',
            /activated: the license/,
          ),
          inSetup('npx nx-azure-cache doctor', /The remote cache works here/),
          inSetup('npx nx run-many --target=build'),
          inSetup('npx nx reset'),
          inSetup(
            'NX_VERBOSE_LOGGING=true npx nx run-many --target=build',
            /nx-azure-cache: 3 hits(?: saved [^,]+)?, 0 misses/,
          ),
        ],
      },
    ],
  },
  {
    name: 'the one who sets up CI, until a pull request restores what main has built',
    reads: {
      'docs/ci/github-actions.md': ['', 'In the repository', 'The workflow'],
    },
    parts: [
      {
        machine: 'main',
        steps: [
          inWorkflow('npm ci'),
          inWorkflow('npx nx-azure-cache doctor'),
          inWorkflow(
            'npx nx run-many --targets=lint,test,build',
            /nx-azure-cache: 0 hits, .* scope trusted/,
          ),
        ],
      },
      {
        machine: 'pull request',
        steps: [
          inWorkflow('npm ci'),
          inWorkflow(
            'npx nx run-many --targets=lint,test,build',
            /nx-azure-cache: \d+ hits(?: saved [^,]+)?, 0 misses, .* scope pr-7/,
          ),
        ],
      },
    ],
  },
  {
    name: 'the one who removes it, until a build without a trace',
    reads: { 'docs/upgrade.md': ['', 'Uninstall'] },
    parts: [
      {
        machine: 'developer',
        steps: [
          inUpgrade('npx nx g @nx/powerpack-azure-cache:remove'),
          inUpgrade('npm install'),
          inUpgrade('npx nx reset'),
        ],
      },
    ],
  },
];

/** @param {string} page */
const read = (page) => fs.readFileSync(path.join(root, page), 'utf8');

/**
 * Counts the lines with text of a section, with its subsections.
 *
 * @param {string} page
 * @param {string} title
 */
function linesOf(page, title) {
  const lines = read(page).split('\n');
  const start = title === '' ? 0 : lines.indexOf(`## ${title}`);
  if (start < 0) throw new Error(`${page} has no section "${title}"`);
  const length = lines.slice(start + 1).findIndex((l) => l.startsWith('## '));
  const section = lines.slice(
    start,
    length < 0 ? undefined : start + 1 + length,
  );
  return section.filter((line) => line.trim() !== '').length;
}

/** @param {Role} role */
const linesRead = ({ reads }) =>
  Object.entries(reads)
    .flatMap(([page, titles]) => titles.map((title) => linesOf(page, title)))
    .reduce((sum, lines) => sum + lines, 0);

/** @param {Step} step whether its page has the command */
const isInPage = ({ page, command }) => read(page).includes(command);

/**
 * The variables that GitHub sets in a job.
 *
 * @param {string} folder
 * @param {Part['machine']} machine
 */
function variables(folder, machine) {
  if (machine === 'developer') return {};
  const repository = { default_branch: 'main', full_name: 'a/b', fork: false };
  const pull = { number: 7, pull_request: { number: 7 } };
  const isPull = machine === 'pull request';
  const event = path.join(folder, `${isPull ? 'pull' : 'push'}.json`);
  fs.writeFileSync(event, JSON.stringify({ repository, ...(isPull && pull) }));
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_REPOSITORY: 'a/b',
    GITHUB_EVENT_PATH: event,
    GITHUB_EVENT_NAME: isPull ? 'pull_request' : 'push',
    GITHUB_REF: isPull ? 'refs/pull/7/merge' : 'refs/heads/main',
    GITHUB_REF_PROTECTED: String(!isPull),
    ...(isPull && { GITHUB_HEAD_REF: 'a-branch', GITHUB_BASE_REF: 'main' }),
  };
}

/**
 * Runs the commands of a part, and returns their number and time.
 *
 * @param {Machine} machine
 * @param {Part} part
 * @param {string} license
 */
async function walk(machine, { steps }, license) {
  let took = 0;
  for (const { command, prints } of steps) {
    console.log(`\n$ ${command}`);
    const result = await machine.run(
      'bash',
      ['-c', command.replace('eyJ…', license)],
      { echo: true },
    );
    took += result.took;
    if (result.code !== 0) {
      throw new Error(`${command} exits with ${result.code}`);
    }
    if (prints && !prints.test(result.output)) {
      throw new Error(`${command} does not print ${prints}`);
    }
  }
  return took;
}

async function main() {
  await install();
  const packages = await build();
  const [azurite, verdaccio, license] = await Promise.all([
    startAzurite(),
    startVerdaccio(),
    developmentLicense(),
  ]);
  await publishAll(verdaccio, packages);
  await createContainer(azurite.connectionString, 'nxcache');

  const folder = temporaryFolder('first-hour');
  const storage = { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString };
  const developer = new Machine(path.join(folder, 'developer'), storage);
  await createWorkspace(developer, verdaccio.url);
  useSchemaOfNx(developer);
  const before = await tracked(developer);

  const rows = [];
  for (const role of roles) {
    let took = 0;
    for (const part of role.parts) {
      const machine =
        part.machine === 'developer'
          ? developer
          : await job(folder, part.machine, developer, {
              ...storage,
              NX_POWERPACK_LICENSE: license,
            });
      took += await walk(machine, part, license);
    }
    if (role === roles[0]) await commit(developer, 'use the cache');
    const commands = role.parts.flatMap(({ steps }) => steps);
    rows.push([role.name, linesRead(role), commands.length, took]);
  }

  const left = (await tracked(developer)).filter(
    (line) => !before.includes(line),
  );
  if (left.length > 0) throw new Error(`not removed: ${left.join('\n')}`);
  const { output } = await developer.npxNx(['run-many', '--target=build']);
  if (output.includes('nx-azure-cache')) throw new Error(output);

  console.log('\n| role | lines read | commands | time of the commands |');
  console.log('|---|---|---|---|');
  for (const [name, lines, commands, took] of rows) {
    const seconds = Math.round(Number(took) / 1000);
    console.log(`| ${name} | ${lines} | ${commands} | ${seconds} s |`);
  }
}

/**
 * Adds the reference to Nx's schema that Nx writes into a new workspace. `init` replaces it,
 * and `remove` puts it back.
 *
 * @param {Machine} machine
 */
function useSchemaOfNx({ workspace }) {
  const file = path.join(workspace, 'nx.json');
  const $schema = './node_modules/nx/schemas/nx-schema.json';
  const settings = JSON.parse(fs.readFileSync(file, 'utf8'));
  const text = JSON.stringify({ $schema, ...settings }, null, 2);
  fs.writeFileSync(file, `${text}\n`);
}

/**
 * A job of CI: a fresh clone with the variables of GitHub.
 *
 * @param {string} folder
 * @param {Exclude<Part['machine'], 'developer'>} name
 * @param {Machine} from
 * @param {NodeJS.ProcessEnv} env
 */
async function job(folder, name, from, env) {
  const machine = new Machine(path.join(folder, name.replace(' ', '-')), {
    ...env,
    ...variables(folder, name),
  });
  await run('git', ['clone', '--quiet', from.workspace, machine.workspace], {
    env: machine.env,
  });
  return machine;
}

/**
 * The tracked files of a workspace with their digests, without the lockfile, whose order
 * npm decides.
 *
 * @param {Machine} machine
 */
async function tracked({ workspace, env }) {
  await run('git', ['add', '--all'], { cwd: workspace, env });
  const { stdout } = await run('git', ['ls-files', '--stage'], {
    cwd: workspace,
    env,
  });
  return stdout
    .split('\n')
    .filter((line) => line && !line.endsWith('package-lock.json'));
}

if (require.main === module) runMain(main);

module.exports = { isInPage, linesRead, roles };
