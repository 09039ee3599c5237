'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./root');
const { attempt, run } = require('./run');

/**
 * The variable that passes NX_ISOLATE_PLUGINS to the machines of another process. Without
 * it, Nx's default holds: a process for each plugin.
 */
const isolatePlugins = 'KIT_ISOLATE_PLUGINS';

/**
 * A machine with a workspace: a home folder, a workspace folder, and the environment in
 * which Nx runs there. Nx 24 keeps its cache in ~/.nx/<repository>, so each machine needs its
 * own home.
 */
class Machine {
  /**
   * @param {string} folder is created if it is missing
   * @param {NodeJS.ProcessEnv} [env] added to the environment of every command
   */
  constructor(folder, env = {}) {
    this.home = path.join(folder, 'home');
    this.workspace = path.join(folder, 'workspace');
    fs.mkdirSync(this.home, { recursive: true });
    /** @type {NodeJS.ProcessEnv} */
    this.env = {
      ...neutralEnvironment(),
      HOME: this.home,
      USERPROFILE: this.home,
      NX_DAEMON: 'false',
      NX_NO_CLOUD: 'true',
      // Otherwise each workspace leaves a copy of Nx's binary, 13 to 28 MB, in /tmp/.nx.
      NX_NATIVE_FILE_CACHE_DIRECTORY: path.join(folder, 'nx-native'),
      ...(process.env[isolatePlugins] && {
        NX_ISOLATE_PLUGINS: process.env[isolatePlugins],
      }),
      ...env,
    };
  }

  /**
   * Runs a command in the workspace. Resolves even if it fails.
   *
   * @param {string} command
   * @param {string[]} args
   * @param {{ env?: NodeJS.ProcessEnv, echo?: boolean, timeout?: number, onSpawn?: (pid: number) => void }} [options]
   */
  run(command, args, { env, ...options } = {}) {
    return attempt(command, args, {
      timeout: 180_000,
      ...options,
      cwd: this.workspace,
      env: { ...this.env, ...env },
    });
  }

  /**
   * Runs Nx. Resolves even if the run fails.
   *
   * @param {string[]} args
   * @param {Parameters<Machine['run']>[2]} [options]
   */
  nx(args, options) {
    const nx = path.join(this.workspace, 'node_modules', '.bin', 'nx');
    return this.run(nx, args, options);
  }

  /**
   * Runs Nx through npx, as users do. npx adds a second to each run.
   *
   * @param {string[]} args
   * @param {Parameters<Machine['run']>[2]} [options]
   */
  npxNx(args, options) {
    return this.run('npx', ['--no-install', 'nx', ...args], options);
  }

  /** Removes Nx's data and the outputs from this machine. */
  forget() {
    for (const folder of [
      path.join(this.workspace, 'dist'),
      path.join(this.workspace, '.nx'),
      path.join(this.home, '.nx'),
    ]) {
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Nx's cache directory in this workspace, or undefined before the first run. */
  cacheDirectory() {
    const shared = path.join(this.home, '.nx');
    const candidates = fs.existsSync(shared)
      ? fs.readdirSync(shared).map((name) => path.join(shared, name, 'cache'))
      : [];
    candidates.push(path.join(this.workspace, '.nx', 'cache'));
    return candidates.find((folder) =>
      fs.existsSync(path.join(folder, 'run.json')),
    );
  }

  /** What nx.json has. */
  nxJson() {
    return JSON.parse(fs.readFileSync(this.#nxJson, 'utf8'));
  }

  /** @param {object} value of nx.json from now on */
  setNxJson(value) {
    fs.writeFileSync(this.#nxJson, JSON.stringify(value, null, 2));
  }

  get #nxJson() {
    return path.join(this.workspace, 'nx.json');
  }

  /**
   * What Nx reports about the tasks of its last run, by task (`site:build`). `cacheStatus` is
   * `cache-miss`, `local-cache-hit` or `remote-cache-hit`; `took` is in milliseconds.
   *
   * @returns {Record<string, { cacheStatus: string, hash: string, code: number, took: number }>}
   */
  lastRun() {
    const folder = this.cacheDirectory();
    if (!folder) throw new Error(`Nx has not run in ${this.workspace}`);
    const { tasks } = JSON.parse(
      fs.readFileSync(path.join(folder, 'run.json'), 'utf8'),
    );
    return Object.fromEntries(
      tasks.map((/** @type {any} */ task) => [
        task.taskId,
        {
          cacheStatus: task.cacheStatus,
          hash: task.hash,
          code: task.status,
          took: Date.parse(task.endTime) - Date.parse(task.startTime),
        },
      ]),
    );
  }
}

/**
 * This process's environment without the variables that Nx, npm or Azure's libraries read,
 * such as those that mean CI (nx/src/utils/is-ci).
 */
function neutralEnvironment() {
  const readVariables =
    /^(npm_|NX_|KIT_|AZURE|ACTIONS_|SYSTEM_|IDENTITY_|MSI_|IMDS_|NODE_TEST_CONTEXT$|INIT_CWD$|CI$|TF_BUILD$|GITHUB_|BUILDKITE|CIRCLECI$|CIRRUS_CI$|TRAVIS$|bamboo|CODEBUILD_|GITLAB_|HEROKU_|BUILD_|TEAMCITY_|JENKINS_|HUDSON_)/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !readVariables.test(name)),
  );
}

/**
 * Creates the workspace of scripts/workspace on a machine: a git repository with Nx
 * installed from a registry.
 *
 * @param {Machine} machine
 * @param {string} registry URL
 * @param {string} [nx] another version of Nx
 */
async function createWorkspace(machine, registry, nx) {
  const { workspace } = machine;
  fs.cpSync(path.join(root, 'scripts', 'workspace'), workspace, {
    recursive: true,
  });
  fs.renameSync(
    path.join(workspace, 'gitignore'),
    path.join(workspace, '.gitignore'),
  );
  fs.writeFileSync(
    path.join(workspace, '.npmrc'),
    `registry=${registry}\naudit=false\nfund=false\n`,
  );
  const options = { cwd: workspace, env: machine.env };
  if (nx) useNx(workspace, nx);
  await installPackages(machine);
  await run('git', ['init', '--quiet', '--initial-branch=main'], options);
  await commit(machine, 'a workspace');
}

/**
 * @param {string} workspace
 * @param {string} version
 */
function useNx(workspace, version) {
  const file = path.join(workspace, 'package.json');
  const manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
  manifest.devDependencies.nx = version;
  fs.writeFileSync(file, JSON.stringify(manifest, null, 2));
}

/**
 * Installs the packages of a machine's workspace. Not `npm ci`, see install.js.
 *
 * @param {Machine} machine
 */
async function installPackages({ workspace, env }) {
  await run('npm', ['install', '--ignore-scripts'], { cwd: workspace, env });
}

/**
 * Commits all of a machine's workspace.
 *
 * @param {Machine} machine
 * @param {string} message
 */
async function commit(machine, message) {
  const options = { cwd: machine.workspace, env: machine.env };
  const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.invalid'];
  await run('git', ['add', '--all'], options);
  await run('git', [...author, 'commit', '--quiet', '-m', message], options);
}

/**
 * Clones the workspace of one machine to another and installs its packages.
 *
 * @param {Machine} from
 * @param {Machine} to
 */
async function cloneWorkspace(from, to) {
  const { env } = to;
  await run('git', ['clone', '--quiet', from.workspace, to.workspace], { env });
  await installPackages(to);
}

/**
 * Copies a workspace. The copies share the files in node_modules, because real copies take
 * ten times as long. So nothing may write to such a file, but only replace it.
 *
 * @param {string} from
 * @param {string} to
 */
function copyWorkspace(from, to) {
  const packages = path.join(from, 'node_modules');
  fs.cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => file !== packages,
  });
  linkTree(packages, path.join(to, 'node_modules'));
  // npm writes to this file.
  const lockfile = path.join('node_modules', '.package-lock.json');
  fs.rmSync(path.join(to, lockfile));
  fs.copyFileSync(path.join(from, lockfile), path.join(to, lockfile));
}

/**
 * Copies a folder with hard links to its files.
 *
 * @param {string} from
 * @param {string} to must not exist
 */
function linkTree(from, to) {
  execFileSync('cp', ['-al', from, to]);
}

exports.Machine = Machine;
exports.isolatePlugins = isolatePlugins;
exports.cloneWorkspace = cloneWorkspace;
exports.commit = commit;
exports.copyWorkspace = copyWorkspace;
exports.createWorkspace = createWorkspace;
exports.linkTree = linkTree;
