'use strict';

const assert = require('node:assert/strict');
const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { createContainer, listBlobs } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { testLicense } = require('../kit/license');
const { Machine, commit } = require('../kit/machine');
const { alias, platformPackage, specifier } = require('../kit/names');
const { startFaultProxy } = require('../kit/fault-proxy');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const {
  isRecord,
  lastRunRecord,
  outcomes,
  storedRecords,
} = require('../kit/run-records');
const { readTree } = require('../kit/tree');
const { managers } = require('./managers');
const { linesOfOurs, withCommand } = require('./output');
const { checkRecord, checkSaved } = require('./records');
const { checkUpdate } = require('./update');

/** @import { Manager } from './managers' */
/** @import { Tools } from './tools' */

/**
 * @typedef {object} Cell
 * @property {string} name
 * @property {string} nx its version
 * @property {keyof typeof managers} manager
 * @property {'nx add' | 'manager' | 'alias package'} way how the package gets into
 *   the workspace: `nx add` with the alias; the manager's own command with the alias,
 *   and then our generator; `nx add @nx/powerpack-azure-cache`, where a registry has it
 * @property {string} [bun] another version of Bun
 * @property {Record<string, string>} [beside] packages to add later
 * @property {string} [loss] how the binary gets lost; see missing.js
 * @property {RegExp} [refused] Nx's error in such a workspace, with or without our
 *   package
 */

/**
 * @typedef {object} Shared what all cells share
 * @property {string} folder for machines
 * @property {string} packages the folder of the published packages
 * @property {string} registry
 * @property {string} azurite connection string
 * @property {Tools} tools
 */

/** One task after the other, because Nx 22 requests waiting tasks repeatedly. */
const buildTasks = [
  ...['run-many', '--target=build', '--parallel=1', '--output-style=static'],
];
const tasks = ['colors:build', 'site:build', 'words:build'];

/**
 * A workspace with one version of Nx and one package manager, installed as its
 * users do, and built on two machines.
 */
class CellRun {
  /** @type {Manager} */
  manager;
  /** @type {Awaited<ReturnType<typeof startFaultProxy>> | undefined} */
  #recorder;

  /**
   * @param {Cell} cell
   * @param {Shared} shared
   */
  constructor(cell, shared) {
    this.cell = cell;
    this.shared = shared;
    this.container = `matrix-${randomUUID()}`;
    this.manager = managers[cell.manager](shared.registry);
  }

  /** Runs the cell. Rejects with the printed output if an assertion fails. */
  async run() {
    this.#recorder = await startFaultProxy(this.shared.azurite);
    try {
      await this.steps();
    } finally {
      this.#recorder.stop();
    }
  }

  /** Installs the package, builds on two machines, and checks the results. */
  async steps() {
    const { azurite } = this.shared;
    await createContainer(azurite, this.container);
    const a = this.machine('a');
    await this.createWorkspace(a);
    if (this.cell.refused) return this.assertRefused(a, this.cell.refused);
    await this.addPackage(a);
    if (this.cell.beside) await this.addBeside(a, this.cell.beside);
    await this.assertResolves(a);
    await commit(a, 'use nx-azure-cache');
    // As in a clone. With Bun, Nx 20 remembers the workspace without the package, and
    // its hashes differ.
    a.forget();

    await this.build(a, 'cache-miss', /: 0 hits, 3 misses, 3 stored,/);
    const blobs = await listBlobs(azurite, this.container);
    const entries = blobs.filter(({ name }) => !isRecord(name));
    assert.equal(entries.length, tasks.length);
    const first = checkRecord(a, 'stored');

    const b = this.machine('b');
    await run('git', ['clone', '--quiet', a.workspace, b.workspace], {
      env: b.env,
    });
    await this.must(b, this.manager.ci);
    await this.build(
      b,
      'remote-cache-hit',
      /: 3 hits(?: saved [^,]+)?, 0 misses, 0 stored,/,
    );
    assert.deepEqual(
      readTree(path.join(b.workspace, 'dist')),
      readTree(path.join(a.workspace, 'dist')),
    );
    checkSaved(checkRecord(b, 'remote-hit'), first);
    const stored = await storedRecords(azurite, this.container);
    assert.equal(Object.keys(stored).length, 2);
    await this.checkFailedTask(b);
    await this.checkCommands(b);
    await checkUpdate(this, b);
  }

  /** @param {string} name */
  machine(name) {
    const { tools } = this.shared;
    const folder = path.join(this.shared.folder, name);
    const temporary = path.join(folder, 't');
    fs.mkdirSync(temporary, { recursive: true });
    return new Machine(folder, {
      ...tools.env(this.cell.bun),
      TMPDIR: temporary,
      AZURE_STORAGE_CONNECTION_STRING: this.#recorder?.connectionString,
      NX_POWERPACK_LICENSE: testLicense('valid'),
      NX_VERBOSE_LOGGING: 'false',
      BUILD_TIME: '0',
    });
  }

  /**
   * Runs a command that must succeed.
   *
   * @param {Machine} machine
   * @param {string[]} command
   */
  async must(machine, [program, ...args]) {
    const result = await machine.run(program, args);
    assert.equal(
      result.code,
      0,
      withCommand([program, ...args], result.output),
    );
    return result;
  }

  /**
   * @param {Machine} machine
   * @param {string[]} args
   * @param {Parameters<Machine['run']>[2]} [options]
   */
  nx(machine, args, options) {
    const [program, ...rest] = [...this.manager.exec, 'nx', ...args];
    return machine.run(program, rest, options);
  }

  /**
   * @param {Machine} machine
   * @param {Record<string, string>} [packages] beside Nx
   */
  async createWorkspace(machine, packages) {
    const { workspace, env } = machine;
    fs.cpSync(path.join(root, 'scripts', 'workspace'), workspace, {
      recursive: true,
    });
    const ignored = 'node_modules\ndist\n.nx\n.yarn\n.pnp.*\n';
    fs.rmSync(path.join(workspace, 'gitignore'));
    fs.writeFileSync(path.join(workspace, '.gitignore'), ignored);
    const { files } = this.manager;
    const manifest = {
      name: 'workspace',
      private: true,
      devDependencies: { nx: this.cell.nx, ...packages },
    };
    fs.writeFileSync(
      path.join(workspace, 'package.json'),
      JSON.stringify(manifest, null, 2),
    );
    for (const [name, content] of Object.entries(files)) {
      fs.writeFileSync(path.join(workspace, name), content);
    }
    const options = { cwd: workspace, env };
    await run('git', ['init', '--quiet', '--initial-branch=main'], options);
    await this.must(machine, this.manager.install);
  }

  /** @param {Machine} machine */
  async addPackage(machine) {
    const { add, exec, nxAddError } = this.manager;
    if (this.cell.way === 'manager') {
      if (nxAddError) await this.assertNxAddFails(machine, nxAddError);
      await this.must(machine, add);
    } else {
      const what = this.cell.way === 'nx add' ? specifier : alias;
      await this.must(machine, [...exec, 'nx', 'add', what]);
      // nx add runs our generator.
      assert.ok(machine.nxJson().azure, 'nx.json has no block "azure"');
    }
    const container = `--container=${this.container}`;
    await this.must(machine, [
      ...[...exec, 'nx', 'generate', `${alias}:init`, container],
    ]);
    assert.equal(machine.nxJson().azure?.container, this.container);
  }

  /**
   * Adds packages that have nothing to do with ours.
   *
   * @param {Machine} machine
   * @param {Record<string, string>} packages versions by name
   */
  async addBeside(machine, packages) {
    const file = path.join(machine.workspace, 'package.json');
    const manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
    Object.assign(manifest.devDependencies, packages);
    fs.writeFileSync(file, JSON.stringify(manifest, null, 2));
    await this.must(machine, this.manager.install);
  }

  /**
   * Asserts that `nx add` with the alias fails, and changes nothing.
   *
   * @param {Machine} machine
   * @param {RegExp} why
   */
  async assertNxAddFails(machine, why) {
    const manifest = path.join(machine.workspace, 'package.json');
    const before = fs.readFileSync(manifest, 'utf8');
    const { code, output } = await this.nx(machine, ['add', specifier]);
    assert.notEqual(code, 0, output);
    assert.match(output, why);
    assert.equal(fs.readFileSync(manifest, 'utf8'), before);
  }

  /**
   * Asserts that Nx does not run in such a workspace even without our package.
   *
   * @param {Machine} machine
   * @param {RegExp} why
   */
  async assertRefused(machine, why) {
    const { code, output } = await this.nx(machine, buildTasks);
    assert.notEqual(code, 0, output);
    assert.match(output, why);
  }

  /**
   * Asserts that the installed package is the one built here, and finds its dependencies.
   *
   * @param {Machine} machine
   */
  async assertResolves(machine) {
    const { stdout } = await this.must(machine, [
      ...[...this.manager.node, path.join(__dirname, 'probe.js')],
      ...[machine.workspace, ...Object.keys(this.cell.beside ?? {})],
    ]);
    const { packages } = this.shared;
    const { dependencies } = require('../../npm/nx-azure-cache/package.json');
    const binary = `${platformPackage}/bin/nx-azure-cache`;
    assert.deepEqual(JSON.parse(stdout), {
      nx: this.cell.nx,
      version: require('../../package.json').version,
      index: sha256(path.join(packages, 'nx-azure-cache', 'index.js')),
      missing: [],
      rpc: dependencies['vscode-jsonrpc'],
      beside: this.cell.beside ?? {},
      otherNx: false,
      binary: sha256(path.join(packages, binary)),
      isExecutable: true,
      isInArchive: false,
    });
  }

  /**
   * Builds in CI, where a run requests each result once, in one scope.
   *
   * @param {Machine} machine
   * @param {string} status of all tasks
   * @param {RegExp} summary
   */
  async build(machine, status, summary) {
    this.#recorder?.take();
    const { code, stdout, output } = await this.nx(machine, buildTasks, {
      env: onMain,
    });
    const what = withCommand(buildTasks, output);
    const requests = this.#recorder?.take() ?? [];
    const gets = requests.filter((text) => text.startsWith('GET'));
    assert.equal(gets.length, tasks.length, `${requests.join(', ')}: ${what}`);
    assert.equal(code, 0, what);
    assert.match(output, /built site|site:build/, what);
    assert.deepEqual(statusOf(machine), withStatus(status), what);
    assert.ok(!/nx-azure-cache:/.test(stdout), `on stdout: ${what}`);
    const ours = linesOfOurs(output);
    assert.equal(ours.length, 1, what);
    assert.match(ours[0], summary);
    assert.deepEqual(fs.readdirSync(path.join(machine.workspace, 'dist')), [
      ...['colors', 'site', 'words'],
    ]);
  }

  /**
   * Asserts that a failed task ends the run with 1. Sets `exclude`, too, which needs an Nx that
   * tells the shim the task of a hash; otherwise the run counts no miss.
   *
   * @param {Machine} machine
   */
  async checkFailedTask(machine) {
    const nxJson = machine.nxJson();
    nxJson.azure.exclude = ['e2e'];
    machine.setNxJson(nxJson);
    const source = path.join(machine.workspace, 'words', 'source.json');
    fs.writeFileSync(source, 'broken');
    const args = ['run', 'words:build'];
    const { code, output } = await this.nx(machine, args, { env: onMain });
    const what = withCommand(args, output);
    assert.equal(code, 1, what);
    const ours = linesOfOurs(output);
    assert.equal(ours.length, 1, what);
    assert.match(ours[0], /: 0 hits, 1 miss, 0 stored,/);
    const record = lastRunRecord(machine);
    assert.deepEqual(record && outcomes(record), { 'words:build': 'failed' });
  }

  /** @param {Machine} machine */
  async checkCommands(machine) {
    const { version } = require('../../package.json');
    const { exec } = this.manager;
    const args = [...exec, 'nx-azure-cache', 'version'];
    const { stdout } = await this.must(machine, args);
    assert.match(
      stdout,
      new RegExp(`^nx-azure-cache version ${version}$`, 'm'),
    );
    const [program, ...rest] = [...exec, 'nx-azure-cache', 'doctor', '--json'];
    const doctor = await machine.run(program, rest, { env: onMain });
    /** @type {{ checks: { id: string, status: string }[] }} */
    const { checks } = JSON.parse(doctor.stdout);
    for (const id of ['loaded', 'nx', 'platform-package', 'license', 'read']) {
      const found = checks.find((check) => check.id === id);
      assert.equal(found?.status, 'ok', withCommand(rest, doctor.output));
    }
  }
}

/** @param {string} status */
const withStatus = (status) =>
  Object.fromEntries(tasks.map((task) => [task, status]));

/** @param {Machine} machine */
function statusOf(machine) {
  return Object.fromEntries(
    Object.entries(machine.lastRun())
      .map(([task, { cacheStatus }]) => [task, cacheStatus])
      .sort(),
  );
}

/** @param {string} file */
function sha256(file) {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

exports.CellRun = CellRun;
exports.buildTasks = buildTasks;
