'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Machine, linkTree } = require('../kit/machine');
const { attempt, run } = require('../kit/run');
const { namesBelow, readTree } = require('../kit/tree');
const { scratchName } = require('./disk');
const { commandAs, changeOwner, umask } = require('./users');
const { installRecorder, variable } = require('./store-calls');

/** @import { Plan } from './plan' */
/** @import { User } from './users' */

/** How many milliseconds uploads may continue after a run. */
const drain = 5000;

/**
 * Shorter than the defaults, to keep runs short, but long enough that an undisturbed run does
 * not reach them on a busy machine.
 */
const timeouts = {
  connect: '2s',
  firstByte: '5s',
  stall: '5s',
  drain: `${drain}ms`,
};

/** The folders of a workspace that a build does not create. */
const notBuilt = ['.git', '.nx', 'node_modules'];

/** A machine of a run with the workspace of its plan. */
class ChaosMachine extends Machine {
  /** @type {string[]} */
  #projects = [];

  #shared;
  #user;
  /** The umask of the runs on this machine. */
  umask = process.umask();

  /**
   * @param {string} folder
   * @param {NodeJS.ProcessEnv} env
   * @param {{ shared?: string, user?: User }} [options] `shared` is a cache
   *   directory for several machines; `user` runs Nx
   */
  constructor(folder, env, { shared, user } = {}) {
    super(folder, {
      ...env,
      TMPDIR: path.join(folder, 'tmp'),
      ...(shared && {
        NX_CACHE_DIRECTORY: shared,
        // Nx 24 rejects a directory that a group may write.
        NX_ALLOW_INSECURE_DIRECTORIES: 'true',
      }),
    });
    this.folder = folder;
    this.#shared = shared;
    if (shared) this.umask = umask;
    this.#user = user;
    fs.mkdirSync(path.join(folder, 'tmp'));
  }

  /** Nx's cache directory. Nx does not trust HOME below /tmp, so it uses the workspace. */
  get cache() {
    return this.#shared ?? path.join(this.workspace, '.nx', 'cache');
  }

  /** The file of the recorded calls of `store`. */
  get storeCallsFile() {
    return path.join(this.workspace, '.nx', 'stores.jsonl');
  }

  cacheDirectory() {
    return this.hasRun() ? this.cache : undefined;
  }

  /**
   * A result in Nx's cache. Parts can be missing if the disk was full.
   *
   * @param {string} hash
   */
  result(hash) {
    const text = path.join(this.cache, 'terminalOutputs', hash);
    const entry = path.join(this.cache, hash);
    return {
      text: fs.existsSync(text) ? fs.readFileSync(text, 'utf8') : undefined,
      entry: list(entry).length > 0 ? readTree(entry) : undefined,
    };
  }

  /** The folder in which our processes work. */
  get scratch() {
    return path.join(this.cache, scratchName);
  }

  /**
   * Creates the workspace of the plan, with the packages of a template.
   *
   * @param {Plan} plan
   * @param {{ template: string, container: string }} options
   */
  async create({ projects, timeouts, rounds }, { template, container }) {
    const { workspace, env } = this;
    this.#projects = projects.map(({ name }) => name);
    fs.mkdirSync(workspace);
    linkTree(
      path.join(template, 'node_modules'),
      path.join(workspace, 'node_modules'),
    );
    for (const name of ['package.json', 'package-lock.json']) {
      fs.copyFileSync(path.join(template, name), path.join(workspace, name));
    }
    fs.writeFileSync(
      path.join(workspace, '.gitignore'),
      'node_modules\n.nx\ndist\ngenerated\n',
    );
    fs.mkdirSync(path.join(workspace, 'tools'));
    fs.copyFileSync(
      path.join(__dirname, 'build-project.js'),
      path.join(workspace, 'tools/build.js'),
    );
    writeJson(path.join(workspace, 'nx.json'), nxJson(container, timeouts));
    for (const project of projects) {
      const folder = path.join(workspace, project.name);
      fs.mkdirSync(folder);
      writeJson(path.join(folder, 'plan.json'), project);
      writeJson(path.join(folder, 'project.json'), projectJson(project));
    }
    await run('git', ['init', '--quiet', '--template='], {
      cwd: workspace,
      env,
    });
    if (rounds.some(({ kind }) => kind === 'concurrent')) {
      installRecorder(path.join(workspace, 'node_modules'));
      fs.mkdirSync(path.dirname(this.storeCallsFile));
      env[variable] = this.storeCallsFile;
    }
    if (this.#user) changeOwner(this.folder, this.#user);
  }

  /**
   * Runs all tasks. Also resolves if tasks fail.
   *
   * @param {{ parallel: number, timeout: number, env?: NodeJS.ProcessEnv, onSpawn?: (pid: number) => void }} options
   */
  build({ parallel, timeout, env, onSpawn }) {
    const nx = path.join(this.workspace, 'node_modules', '.bin', 'nx');
    const run = [nx, 'run-many', '--target=build', `--parallel=${parallel}`];
    const [command, ...args] = this.#shared
      ? commandAs(run, this.umask, this.#user)
      : run;
    return attempt(command, args, {
      cwd: this.workspace,
      env: { ...this.env, ...env },
      timeout,
      onSpawn,
    });
  }

  /**
   * Removes what Nx has cached and built, but not the leftovers of our processes.
   *
   * @param {{ keepsCache?: boolean }} [options] `keepsCache` keeps the cached results
   */
  forget({ keepsCache = false } = {}) {
    for (const name of list(this.cache)) {
      const stays = name === scratchName || (keepsCache && name !== 'run.json');
      if (!stays) remove(path.join(this.cache, name));
    }
    remove(path.join(this.workspace, '.nx', 'workspace-data'));
    remove(path.join(this.workspace, 'dist'));
    for (const name of this.#projects) {
      remove(path.join(this.workspace, name, 'generated'));
    }
  }

  /** Whether Nx has finished a run since `forget`. */
  hasRun() {
    return fs.existsSync(path.join(this.cache, 'run.json'));
  }

  /** The files of the workspace, without those of Nx, git and npm. */
  tree() {
    return readTree(this.workspace, { without: notBuilt });
  }

  /**
   * The files that a run must not change: those outside the workspace, and the packages.
   */
  surroundings() {
    const modules = path.join(this.workspace, 'node_modules');
    return {
      machine: readTree(this.folder, {
        without: ['workspace', 'tmp', 'nx-native'],
      }),
      packages: sizes(modules),
    };
  }

  /**
   * Whether anything in a folder belongs to the user who runs Nx on this machine.
   *
   * @param {string} folder
   */
  ownsAnyIn(folder) {
    const uid = this.#user?.uid ?? process.getuid?.();
    return list(folder).some(
      (name) =>
        name !== 'last-run' &&
        fs.lstatSync(path.join(folder, name)).uid === uid,
    );
  }

  /** The names in the folder for temporary files. */
  temporary() {
    return list(path.join(this.folder, 'tmp'));
  }
}

/**
 * @param {string} container
 * @param {Plan['timeouts']} more
 */
function nxJson(container, more) {
  return {
    analytics: false,
    neverConnectToCloud: true,
    targetDefaults: {
      build: {
        cache: true,
        dependsOn: ['^build'],
        inputs: ['default', '^default'],
        outputs: [
          '{workspaceRoot}/dist/{projectName}',
          '{projectRoot}/generated',
        ],
      },
    },
    namedInputs: {
      default: ['{projectRoot}/*.json', '{workspaceRoot}/tools/**/*'],
    },
    azure: {
      ...{ container, records: 'none' },
      timeouts: { ...timeouts, ...more },
    },
  };
}

/** @param {Plan['projects'][number]} project */
function projectJson({ name, dependencies }) {
  return {
    name,
    implicitDependencies: dependencies,
    targets: { build: { command: `node tools/build.js ${name}` } },
  };
}

/**
 * The modes, sizes and times of all files below a folder. They show a change without reading
 * the files.
 *
 * @param {string} folder
 * @returns {Record<string, string>}
 */
function sizes(folder) {
  return Object.fromEntries(
    namesBelow(folder).map((name) => {
      const { mode, size, mtimeMs } = fs.lstatSync(path.join(folder, name));
      return [name, `${mode} ${size} ${mtimeMs}`];
    }),
  );
}

/** @param {string} folder */
function list(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

/** @param {string} file */
function remove(file) {
  fs.rmSync(file, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * @param {string} file
 * @param {unknown} content
 */
function writeJson(file, content) {
  fs.writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

exports.ChaosMachine = ChaosMachine;
exports.drain = drain;
exports.list = list;
