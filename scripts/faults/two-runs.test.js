'use strict';

// Several runs of Nx in one workspace at once. Nx's `put` removes <cacheDirectory>/<hash>,
// creates it again and copies the outputs. Another run may do that after our `store` and
// before the result is packed. A task that starts may also delete outputs that another run
// has built. Other machines must get only complete results.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { outputs, runNx } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const { isServer, processesOf, signal, until } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const {
  countsByHash,
  hooks,
  takeLines,
  wasStored,
} = require('./store-outcomes');
const { recordCalls } = require('./nx-calls');
const { assertUndisturbed, filesOfOurs } = require('./undisturbed');
const { forgetResults, outputsWithoutCache, setBuild } = require('./workspace');

/** @import { Machine } from '../kit/machine' */
/** @typedef {Awaited<ReturnType<typeof startFixture>>} Fixture */

const args = ['run', 'words:build'];

/** Builds so many files that Nx needs some time to copy them. */
const manyFiles = `
  for (let i = 0; i < 3000; i++) {
    const folder = path.join(dist, String(i % 30));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, i + '.txt'), 'file ' + i);
  }`;

/** After the build, creates the file BUILT and waits until the file RELEASE exists. */
const gated = `${manyFiles}
  const { BUILT, RELEASE } = process.env;
  if (BUILT) fs.writeFileSync(BUILT, '');
  while (RELEASE && !fs.existsSync(RELEASE)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }`;

/**
 * Starts a run whose task waits for `release`.
 *
 * @param {Machine} machine
 * @param {string} name
 */
function startRun(machine, name) {
  const before = new Set(processesOf(machine).map(({ pid }) => pid));
  const [BUILT, RELEASE] = ['built', 'release'].map((word) =>
    path.join(path.dirname(machine.home), `${name}.${word}`),
  );
  const ended = machine.nx(args, { env: { BUILT, RELEASE } });
  const started = () =>
    processesOf(machine).filter(({ pid }) => !before.has(pid));
  return {
    ended,
    async built() {
      assert.ok(await until(() => fs.existsSync(BUILT), patience), name);
    },
    release: () => fs.writeFileSync(RELEASE, ''),
    /** The processes that this run has started so far. */
    processes: started,
  };
}

/**
 * Waits until a condition holds, and checks it without pauses.
 *
 * @param {() => boolean} condition
 */
function spin(condition) {
  const deadline = Date.now() + patience;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'the condition did not come true');
  }
}

/**
 * When a file was created. Its inode would not tell, because the next file may reuse it.
 *
 * @param {string} file
 */
const birthTime = (file) => {
  const options = /** @type {const} */ ({
    bigint: true,
    throwIfNoEntry: false,
  });
  return fs.statSync(file, options)?.birthtimeNs;
};

/** @param {string} folder */
const countFiles = (folder) =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder, { recursive: true, withFileTypes: true }).length
    : 0;

/**
 * Asserts that another machine has correct outputs, and returns where they came from.
 *
 * @param {Fixture} fixture
 * @param {string} name
 * @param {Record<string, string>} expected outputs
 * @param {string} script
 */
async function assertCorrectElsewhere(fixture, name, expected, script) {
  const machine = fixture.machine(name);
  setBuild(machine, script);
  await runNx(machine, args);
  assert.deepEqual(outputs(machine), expected);
  return machine.lastRun()['words:build'].cacheStatus;
}

fullTest('two-runs_the_second_is_stopped_while_it_copies', async (t) => {
  const fixture = await startFixture(t);
  const prepare = (/** @type {Machine} */ m) => setBuild(m, gated);
  const expected = await outputsWithoutCache(fixture, prepare, args);
  const a = fixture.machine('a');
  prepare(a);

  const first = startRun(a, 'first');
  await first.built();
  const server = first.processes().find(isServer);
  assert.ok(server);
  const second = startRun(a, 'second');
  await second.built();
  const secondNx = second.processes().filter((process) => !isServer(process));

  // The first run stores a complete result, but its server is stopped and does not read it.
  signal(server.pid, 'SIGSTOP');
  first.release();
  const cacheDirectory = () => a.cacheDirectory() ?? cacheOf(a);
  const complete = countFiles(path.join(a.workspace, 'dist', 'words')) + 2;
  const folder = await until(() => resultIn(cacheDirectory()), patience);
  assert.ok(await until(() => countFiles(folder) === complete, patience));
  const created = birthTime(folder);
  await until(() => false, 300); // meanwhile Nx calls store

  // The second run creates the folder again, and is stopped while it copies.
  second.release();
  spin(() => {
    const now = birthTime(folder);
    return now !== created && now !== undefined;
  });
  for (const { pid } of secondNx) signal(pid, 'SIGSTOP');
  assert.ok(countFiles(folder) < complete, 'Nx was stopped too late');
  signal(server.pid, 'SIGCONT');
  await first.ended;
  const early = await listBlobs(shared().azurite, fixture.container);
  assert.deepEqual(early, [], 'half of a result was stored');

  for (const { pid } of secondNx) signal(pid, 'SIGCONT');
  await second.ended;
  const status = await assertCorrectElsewhere(fixture, 'b', expected, gated);
  assert.equal(status, 'remote-cache-hit', 'the second run has stored it');
});

/** @param {Machine} machine */
function cacheOf({ home, workspace }) {
  const shared = path.join(home, '.nx');
  const [name] = fs.existsSync(shared) ? fs.readdirSync(shared) : [];
  return name
    ? path.join(shared, name, 'cache')
    : path.join(workspace, '.nx', 'cache');
}

/**
 * The folder of the only result in a cache directory.
 *
 * @param {string} cacheDirectory
 */
function resultIn(cacheDirectory) {
  const names = fs.existsSync(cacheDirectory)
    ? fs.readdirSync(cacheDirectory).filter((name) => /^\d{10,}$/.test(name))
    : [];
  return names.length === 1 ? path.join(cacheDirectory, names[0]) : '';
}

/** In a run with FAILS, `words` fails and other tasks wait until the file RELEASE exists. */
const halfFailing = `
  fs.writeFileSync(path.join(dist, 'a.txt'), 'a');
  const { FAILS, RELEASE } = process.env;
  if (FAILS && project === 'words') process.exit(1);
  while (FAILS && !fs.existsSync(RELEASE)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }`;

for (const nx of ['20.8.4', '22.7.12', undefined]) {
  const version = nx ?? require('nx/package.json').version;
  fullTest(
    `two-runs_a_failed_task_blocks_no_other_run_${version}`,
    async (t) => {
      const fixture = await startFixture(t, { nx });
      const a = fixture.machine('a');
      setBuild(a, halfFailing);
      const RELEASE = path.join(path.dirname(a.home), 'release');
      const both = ['run-many', '--target=build', '--projects=words,colors'];
      const first = a.nx(both, { env: { FAILS: '1', RELEASE } });
      const pending = () => pendingOf(a.cacheDirectory() ?? cacheOf(a));
      await until(() => pending().split('+').length > 2, patience);
      // If this times out, the assertions below fail.
      await until(() => /^-/m.test(pending()), patience);
      await runNx(a, args);
      const stored = await listBlobs(shared().azurite, fixture.container);
      fs.writeFileSync(RELEASE, '');
      assert.notEqual((await first).code, 0);
      assert.equal(stored.length, 1, 'the run in which it succeeds stores it');
    },
  );
}

/**
 * Reads the files in which the servers of a cache directory record pending tasks.
 *
 * @param {string} cacheDirectory
 */
function pendingOf(cacheDirectory) {
  const ours = path.join(cacheDirectory, '.nx-azure-cache');
  const names = fs.existsSync(ours) ? fs.readdirSync(ours) : [];
  const files = names.map((name) => path.join(ours, name, 'pending'));
  return files
    .filter((file) => fs.existsSync(file))
    .map((file) => fs.readFileSync(file, 'utf8'))
    .join('');
}

/** Builds slowly. Like many tasks, it first deletes its previous outputs. */
const slowBuild = `
  for (let i = 0; i < 200; i++) {
    fs.writeFileSync(path.join(dist, i + '.txt'), project + ' ' + i);
    if (i % 20 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }`;

/** Prepare the machine and the container before each phase, by name. */
const states = {
  nothing: (/** @type {Machine} */ a, /** @type {Fixture} */ fixture) => {
    a.forget();
    return fixture.empty();
  },
  a_cached_result: async (
    /** @type {Machine} */ a,
    /** @type {Fixture} */ fixture,
  ) => {
    a.forget();
    await fixture.empty();
    await a.nx(args);
    fs.rmSync(path.join(a.workspace, 'dist'), { recursive: true, force: true });
  },
  old_outputs: async (
    /** @type {Machine} */ a,
    /** @type {Fixture} */ fixture,
  ) => {
    a.forget();
    await a.nx(['run-many', '--target=build']);
    forgetResults(a);
    await fixture.empty();
  },
};

/** How many files a result of `slowBuild` has. */
const completeResult = 200;

/**
 * Returns the tasks whose outputs differ.
 *
 * @param {Record<string, string>} actual
 * @param {Record<string, string>} expected
 */
function wrongTasks(actual, expected) {
  const treeOf = (
    /** @type {string} */ task,
    /** @type {typeof actual} */ files,
  ) =>
    JSON.stringify(
      Object.entries(files)
        .filter(([name]) => name.startsWith(`${task}/`))
        .sort(),
    );
  return ['words', 'colors', 'site'].filter(
    (task) => treeOf(task, actual) !== treeOf(task, expected),
  );
}

/** How many milliseconds after one another the runs of each phase start. */
const pauses = [150, 300, 0, 150, 300, 0, 150, 300];

for (const [state, prepare] of Object.entries(states)) {
  fullTest(`two-runs_four_at_once_starting_with_${state}`, async (t) => {
    const fixture = await startFixture(t);
    const build = ['run-many', '--target=build'];
    const expected = await outputsWithoutCache(fixture, (machine) =>
      setBuild(machine, slowBuild),
    );
    const [a, b] = ['a', 'b'].map((name) => fixture.machine(name));
    for (const machine of [a, b]) setBuild(machine, slowBuild);
    recordCalls(a, hooks);
    const calls = path.join(a.home, 'handed-over');
    const log = path.join(path.dirname(a.home), 'log');
    const env = { NX_AZURE_CACHE_LOG: 'debug', NX_AZURE_CACHE_LOG_FILE: log };
    let races = 0;

    /**
     * Lets runs store results, and checks what another machine restores.
     *
     * @param {string} phase
     * @param {() => Promise<unknown>} startRuns
     * @returns {Promise<number>} how many hits the other machine had
     */
    const runPhase = async (phase, startRuns) => {
      await prepare(a, fixture);
      fs.rmSync(calls, { force: true });
      const before = await listBlobs(shared().azurite, fixture.container);
      await startRuns();
      assert.deepEqual(filesOfOurs(a), []);
      const logLines = takeLines(log);
      const fileCounts = countsByHash(takeLines(calls));
      b.forget();
      await runNx(b, build);
      const results = b.lastRun();
      for (const task of wrongTasks(outputs(b), expected)) {
        const counts = fileCounts.get(results[`${task}:build`].hash) ?? [];
        const message = `${phase}: the result of ${task} is wrong; files when Nx called: ${counts}`;
        assert.ok(
          counts.some((files) => files < completeResult),
          message,
        );
        t.diagnostic(message);
        races++;
      }
      for (const { hash, cacheStatus } of Object.values(results)) {
        const { length } = fileCounts.get(hash) ?? [];
        const isStored = wasStored(hash, length, logLines);
        const existed = before.some(({ name }) => name.endsWith(`/${hash}`));
        const wanted = isStored || existed ? 'remote-cache-hit' : 'cache-miss';
        assert.equal(cacheStatus, wanted, `${phase}: ${hash}`);
      }
      return Object.values(results).filter(
        ({ cacheStatus }) => cacheStatus === 'remote-cache-hit',
      ).length;
    };

    let hits = 0;
    for (const [i, pause] of pauses.entries()) {
      hits += await runPhase(`phase ${i + 1}`, () =>
        Promise.all(
          // Nx itself may fail in such a run; this test checks only the stored results.
          [0, 1, 2, 3].map(async (run) => {
            await until(() => false, run * pause);
            return a.nx(build, { env });
          }),
        ),
      );
    }
    // Many results are skipped: a run that restores a result disturbs runs that build it.
    t.diagnostic(`${races} results were incomplete when Nx called`);
    t.diagnostic(`${hits} of 24 results came from the remote cache`);

    // Undisturbed runs store all results, whatever earlier runs have left.
    const undisturbed = await runPhase('one after the other', async () => {
      for (let run = 0; run < 4; run++) await runNx(a, build, { env });
    });
    assert.equal(undisturbed, 3);
  });
}

fullTest('two-runs_one_after_the_other_store_all', async (t) => {
  const { container, machine } = await startFixture(t);
  const a = machine('a');
  await assertUndisturbed(a, { line: null });
  const blobs = await listBlobs(shared().azurite, container);
  assert.equal(blobs.length, 3);
});
