'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Machine } = require('../lib/machine');
const { attempt, run } = require('../lib/run');
const { namesBelow, readTree } = require('../lib/tree');
const { aside } = require('./disk');
const { variable } = require('./processes');

/** @import { Plan } from './plan' */

/** Milliseconds for which uploads go on after the end of a run. */
const drain = 5000;

/**
 * Shorter than by default, so that a run is; but what nothing disturbs must not
 * meet them on a machine that has much else to do.
 */
const timeouts = {
  connect: '2s',
  firstByte: '5s',
  stall: '5s',
  drain: `${drain}ms`,
};

/** What Nx and git keep, and packages: no part of what a run builds. */
const kept = ['.git', '.nx', 'node_modules'];

/** A machine of a run with the workspace of its plan. */
class ChaosMachine extends Machine {
  /** @type {string[]} */
  #projects = [];

  /**
   * @param {string} folder
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(folder, env) {
    super(folder, {
      ...env,
      TMPDIR: path.join(folder, 'tmp'),
      [variable]: folder,
    });
    this.folder = folder;
    fs.mkdirSync(path.join(folder, 'tmp'));
  }

  /** Where Nx keeps results; HOME is below /tmp, where Nx does not trust it. */
  get cache() {
    return path.join(this.workspace, '.nx', 'cache');
  }

  /** The folder in which our processes work. */
  get aside() {
    return path.join(this.cache, aside);
  }

  /**
   * Makes the workspace: what the plan says, with the packages of a template.
   *
   * @param {Plan} plan
   * @param {{ template: string, container: string }} options
   */
  async create({ projects }, { template, container }) {
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
    writeJson(path.join(workspace, 'nx.json'), nxJson(container));
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
  }

  /**
   * Runs all tasks; resolves also when they fail.
   *
   * @param {{ parallel: number, timeout: number, onSpawn?: (pid: number) => void }} options
   */
  build({ parallel, timeout, onSpawn }) {
    const nx = path.join(this.workspace, 'node_modules', '.bin', 'nx');
    return attempt(
      nx,
      ['run-many', '--target=build', `--parallel=${parallel}`],
      { cwd: this.workspace, env: this.env, timeout, onSpawn },
    );
  }

  /** Removes all that Nx has kept and built, but not what we have left behind. */
  forget() {
    for (const name of list(this.cache)) {
      if (name !== aside) remove(path.join(this.cache, name));
    }
    remove(path.join(this.workspace, '.nx', 'workspace-data'));
    remove(path.join(this.workspace, 'dist'));
    for (const name of this.#projects) {
      remove(path.join(this.workspace, name, 'generated'));
    }
  }

  /** Whether Nx has come to the end of a run since `forget`. */
  hasRun() {
    return fs.existsSync(path.join(this.cache, 'run.json'));
  }

  /** All that is in the workspace but what Nx, git and npm keep. */
  tree() {
    return readTree(this.workspace, { without: kept });
  }

  /**
   * All that a run must leave alone: the machine without its workspace, and
   * the packages.
   */
  surroundings() {
    const modules = path.join(this.workspace, 'node_modules');
    return {
      machine: readTree(this.folder, { without: ['workspace', 'tmp'] }),
      packages: sizes(modules),
    };
  }

  /** Files of ours among the temporary ones. */
  temporary() {
    return list(path.join(this.folder, 'tmp'));
  }
}

/** @param {string} container */
function nxJson(container) {
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
    azure: { container, timeouts },
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
 * Makes a copy of a folder whose files are the same files, so that it takes no
 * time.
 *
 * @param {string} from
 * @param {string} to
 */
function linkTree(from, to) {
  fs.mkdirSync(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) linkTree(source, target);
    else if (entry.isSymbolicLink()) {
      fs.symlinkSync(fs.readlinkSync(source), target);
    } else fs.linkSync(source, target);
  }
}

/**
 * Size and time of all files below a folder: enough to see that one has
 * changed, without reading all of them.
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
