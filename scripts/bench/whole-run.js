'use strict';

// W6 and W7: whole runs of Nx with many tasks. In W6 each result is stored, in a
// remote cache or on this machine. In W7 none is stored, and the tasks run.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { onMain } = require('../kit/ci');
const { commit, Machine } = require('../kit/machine');
const { run } = require('../kit/run');
const { serverBelow, watchMemory } = require('../kit/process-usage');
const { Slices } = require('./sources');
const { counted } = require('./traffic');
const { sizeOf } = require('./trees');
const { installNx, installPackage, linkNx } = require('./installed');
const { Storage } = require('./servers');

/** @import { Contender, LocalHitsName, RecordsName, Row, WholeRun } from './rows' */
/** @import { Sample } from './statistics' */
/** @import { AnyStorage, Testbed } from './testbed' */

/** @typedef {'ours' | 'nx' | 'local' | 'none' | LocalHitsName | RecordsName} RunContender */

/** @typedef {WholeRun & { contender: RunContender, nxFolder?: string }} Plan */

/**
 * Makes a machine for each contender, and builds and stores everything on it.
 *
 * @param {Testbed} testbed
 * @param {Row} row
 * @returns {Promise<(contender: Contender) => Promise<Sample>>} measures a run
 */
async function prepareWholeRun(testbed, { run, contenders }) {
  if (!run) throw new Error('the row does not say which run');
  const nxFolder = run.nx ? await installNx(run.nx) : undefined;
  /** @type {Partial<Record<Contender, Run>>} */
  const runs = {};
  for (const contender of /** @type {RunContender[]} */ (contenders)) {
    // A row of misses resets its storage, and others must keep what they read.
    const purpose =
      run.isMiss || contender === 'backfill all' ? 'write' : 'read';
    const storage = await testbed.storage(
      contender === 'nx' ? 'nx' : 'ours',
      purpose,
    );
    runs[contender] = await Run.prepare(
      testbed,
      { ...run, contender, nxFolder },
      storage,
    );
  }
  return (contender) => {
    const run = runs[contender];
    if (!run) throw new Error(`${contender} runs nothing`);
    return run.measure();
  };
}

/** Builds a workspace on a machine again and again. */
class Run {
  #testbed;
  #plan;
  #storage;
  #machine;

  /**
   * @param {Testbed} testbed
   * @param {Plan} plan
   * @param {AnyStorage} storage
   */
  static async prepare(testbed, plan, storage) {
    const run = new Run(testbed, plan, storage);
    await run.#build();
    run.#verify('cache-miss');
    return run;
  }

  /**
   * @param {Testbed} testbed
   * @param {Plan} plan
   * @param {AnyStorage} storage
   */
  constructor(testbed, plan, storage) {
    this.#testbed = testbed;
    this.#plan = plan;
    this.#storage = storage;
    this.#machine = new Machine(testbed.newFolder(), {
      ...(!isDeveloper(plan.contender) && onMain),
      ...environmentOf(testbed, plan.contender, storage),
    });
  }

  /** Builds for the first time: runs the tasks and stores the results. */
  async #build() {
    const { workspace } = this.#machine;
    const { contender, nxFolder, tasks } = this.#plan;
    fs.mkdirSync(workspace);
    if (contender === 'nx') linkNx(workspace, nxFolder);
    else installPackage(workspace, nxFolder);
    writeWorkspace(workspace, tasks, settingsOf(contender));
    const options = { cwd: workspace, env: this.#machine.env };
    await run('git', ['init', '--quiet', '--initial-branch=main'], options);
    await commit(this.#machine, 'many projects');
    await this.#nx();
  }

  /** @returns {Promise<Sample>} */
  async measure() {
    this.#forget();
    const { contender, isMiss } = this.#plan;
    const isEmpty = isMiss || contender === 'backfill all';
    if (isEmpty && this.#storage instanceof Storage)
      await this.#storage.reset();
    await run('sync', []);
    const [sample, { requests, received }] = await counted(
      this.#storage,
      async () => {
        const sample = await this.#nx();
        await this.#serverEnded(); // its requests count, its time does not
        return sample;
      },
    );
    if (contender === 'backfill all' && this.#storage instanceof Storage) {
      assert.equal((await this.#storage.stats()).blobs, this.#plan.tasks);
    }
    const isLocal = hitsLocally(contender);
    const hit = isLocal ? 'local-cache-hit' : 'remote-cache-hit';
    this.#verify(isMiss ? 'cache-miss' : hit);
    const isRemote = contender !== 'local' && contender !== 'none';
    return isRemote ? { ...sample, requests, received } : sample;
  }

  /**
   * Clears the outputs, and Nx's data unless the results come from there. Nx 24 keeps it in
   * the home folder or, if that is below /tmp, in the workspace (nx/src/utils/nx-tmp-dir).
   * Moves these folders aside, because removing them slows what comes next; see `newFolder`.
   */
  #forget() {
    const { home, workspace } = this.#machine;
    const aside = this.#testbed.newFolder();
    const forgotten = [path.join(workspace, 'dist')];
    if (!hitsLocally(this.#plan.contender))
      forgotten.push(path.join(workspace, '.nx'), path.join(home, '.nx'));
    for (const [i, folder] of forgotten.entries()) {
      if (!fs.existsSync(folder)) continue;
      fs.renameSync(folder, path.join(aside, String(i)));
    }
  }

  /**
   * Waits for a server that stores local hits, or the record, after the end of the run.
   * Only the record of the last run stays.
   */
  async #serverEnded() {
    const folder = path.join(
      this.#machine.cacheDirectory() ?? '',
      '.nx-azure-cache',
    );
    const limit = Date.now() + 60_000;
    while (sessionsIn(folder).length > 0) {
      if (Date.now() > limit) throw new Error('the server does not end');
      await sleep(20);
    }
  }

  /** @returns {Promise<Sample>} */
  async #nx() {
    const { workspace } = this.#machine;
    let peak = () => 0;
    // Without npx, which takes as long as any difference that this measures.
    const { code, output, took } = await this.#machine.run(
      process.execPath,
      [
        path.join(workspace, 'node_modules/nx/dist/bin/nx.js'),
        ...['run-many', '--target=build', '--parallel=4'],
      ],
      { onSpawn: (pid) => (peak = watchMemory(() => serverBelow(pid))) },
    );
    const rssChild = peak();
    if (code !== 0) throw new Error(`Nx ended with ${code}:\n${output}`);
    return { ms: took, ...(rssChild > 0 && { rssChild }) };
  }

  /** @param {string} status that all tasks must have */
  #verify(status) {
    const statuses = Object.values(this.#machine.lastRun()).map(
      ({ cacheStatus }) => cacheStatus,
    );
    assert.equal(statuses.length, this.#plan.tasks);
    assert.deepEqual([...new Set(statuses)], [status]);
    const { files } = sizeOf(path.join(this.#machine.workspace, 'dist'));
    assert.equal(files, 3 * this.#plan.tasks);
  }
}

/**
 * The folders of sessions that have not ended.
 *
 * @param {string} folder
 */
function sessionsIn(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).filter((name) => name !== 'last-run');
}

/** @param {RunContender} contender */
function hitsLocally(contender) {
  return contender === 'local' || isDeveloper(contender);
}

/**
 * Whether it runs as on a developer's machine.
 *
 * @param {RunContender} contender
 */
function isDeveloper(contender) {
  return /^(backfill|local )/.test(contender);
}

/**
 * @param {Testbed} testbed
 * @param {RunContender} contender
 * @param {AnyStorage} storage
 * @returns {NodeJS.ProcessEnv}
 */
function environmentOf(testbed, contender, { connectionString, url }) {
  if (contender === 'local' || contender === 'none')
    return { NX_SKIP_REMOTE_CACHE: 'true' };
  if (contender === 'nx') return { NX_SELF_HOSTED_REMOTE_CACHE_SERVER: url };
  return {
    NX_POWERPACK_LICENSE: testbed.license,
    AZURE_STORAGE_CONNECTION_STRING: connectionString,
  };
}

/** @type {Partial<Record<RunContender, object>>} */
const settings = {
  'local hits': {},
  'local records': { records: 'all' },
  backfill: { backfill: true },
  'backfill all': { backfill: true },
  records: { records: 'ci' },
  'no records': { records: 'none' },
};

/**
 * The prefix keeps the results of other rows and contenders in the same storage apart: they
 * would be remote hits in the first build.
 *
 * @param {RunContender} contender
 */
function settingsOf(contender) {
  const own = settings[contender];
  return own && { prefix: contender.replaceAll(' ', '-'), ...own };
}

/**
 * Writes projects whose build copies three files, 20 KB in all.
 *
 * @param {string} workspace
 * @param {number} tasks
 * @param {object} [azure] settings beside those that the installation has written
 */
function writeWorkspace(workspace, tasks, azure) {
  const nxJson = path.join(workspace, 'nx.json');
  const existing = fs.existsSync(nxJson)
    ? JSON.parse(fs.readFileSync(nxJson, 'utf8'))
    : {};
  const build = {
    cache: true,
    inputs: ['{projectRoot}/**/*'],
    outputs: ['{workspaceRoot}/dist/{projectName}'],
  };
  const files = {
    'package.json': { name: 'workspace', private: true },
    'nx.json': {
      ...existing,
      ...(existing.azure && { azure: { ...existing.azure, ...azure } }),
      targetDefaults: { build },
    },
  };
  for (const [name, content] of Object.entries(files)) {
    fs.writeFileSync(path.join(workspace, name), JSON.stringify(content));
  }
  fs.writeFileSync(
    path.join(workspace, '.gitignore'),
    'node_modules\ndist\n.nx\n',
  );
  for (let i = 0; i < tasks; i++) {
    writeProject(path.join(workspace, 'projects', `p${i}`), i);
  }
}

/**
 * @param {string} folder
 * @param {number} i
 */
function writeProject(folder, i) {
  const text = new Slices(20_000 * i);
  fs.mkdirSync(path.join(folder, 'src'), { recursive: true });
  for (const [name, length] of Object.entries({
    a: 14_000,
    b: 5_000,
    c: 1_000,
  })) {
    fs.writeFileSync(path.join(folder, 'src', name), text.next(length));
  }
  const command = `mkdir -p dist && cp -r projects/p${i}/src dist/p${i}`;
  fs.writeFileSync(
    path.join(folder, 'project.json'),
    JSON.stringify({ name: `p${i}`, targets: { build: { command } } }),
  );
}

exports.prepareWholeRun = prepareWholeRun;
