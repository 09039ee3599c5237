'use strict';

// Several runs of Nx in one workspace at once. Nx's `put` removes <cacheDirectory>/<hash>,
// makes it again and copies the outputs. Another run may do that after our `store` and
// before the result is packed, and a task that starts deletes what another run has built.
// Other machines must get complete results only.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { outputs, runNx } = require('../kit/nx-runs');
const { isServer, processesOf, signal, until } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const {
  countsByHash,
  hooks,
  isStoredThen,
  takeLines,
} = require('./store-outcomes');
const { recordCalls } = require('./nx-calls');
const { assertUndisturbed, filesOfOurs } = require('./undisturbed');
const { forgetResults, setBuild, withoutCache } = require('./workspace');

/** @import { Machine } from '../kit/machine' */
/** @typedef {Awaited<ReturnType<typeof startFixture>>} Fixture */

const args = ['run', 'words:build'];

/** So many files that Nx needs some time to copy them. */
const manyFiles = `
  for (let i = 0; i < 3000; i++) {
    const folder = path.join(dist, String(i % 30));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, i + '.txt'), 'file ' + i);
  }`;

/** Waits, after the build, until the file RELEASE is there; NAME says that it waits. */
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
      assert.ok(await until(() => fs.existsSync(BUILT), 60_000), name);
    },
    release: () => fs.writeFileSync(RELEASE, ''),
    /** The processes that this run has started so far. */
    processes: started,
  };
}

/**
 * Waits, without a pause, until a condition holds.
 *
 * @param {() => boolean} condition
 */
function spin(condition) {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'it does not come');
  }
}

/**
 * When it was made. The next one may have its inode.
 *
 * @param {string} file
 */
const birth = (file) => {
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
 * Asserts that another machine gets the whole result, or none.
 *
 * @param {Fixture} fixture
 * @param {string} name
 * @param {Record<string, string>} honest outputs
 * @param {string} script
 */
async function assertWholeElsewhere(fixture, name, honest, script) {
  const machine = fixture.machine(name);
  setBuild(machine, script);
  await runNx(machine, args);
  assert.deepEqual(outputs(machine), honest);
  return machine.lastRun()['words:build'].cacheStatus;
}

fullTest('two-runs_the_other_one_is_stopped_while_it_copies', async (t) => {
  const fixture = await startFixture(t);
  const prepare = (/** @type {Machine} */ m) => setBuild(m, gated);
  const honest = await withoutCache(fixture, prepare, args);
  const a = fixture.machine('a');
  prepare(a);

  const first = startRun(a, 'first');
  await first.built();
  const server = first.processes().find(isServer);
  assert.ok(server);
  const second = startRun(a, 'second');
  await second.built();
  const others = second.processes().filter((process) => !isServer(process));

  // What Nx hands over in the first run is whole; its server does not see that yet.
  signal(server.pid, 'SIGSTOP');
  first.release();
  const cacheDirectory = () => a.cacheDirectory() ?? cacheOf(a);
  const whole = countFiles(path.join(a.workspace, 'dist', 'words')) + 2;
  const folder = await until(() => resultIn(cacheDirectory()), 30_000);
  assert.ok(await until(() => countFiles(folder) === whole, 30_000));
  const made = birth(folder);
  await until(() => false, 300); // Nx calls store

  // The second run makes the folder again, and is stopped in the middle.
  second.release();
  spin(() => {
    const now = birth(folder);
    return now !== made && now !== undefined;
  });
  for (const { pid } of others) signal(pid, 'SIGSTOP');
  assert.ok(countFiles(folder) < whole, 'it was stopped too late');
  signal(server.pid, 'SIGCONT');
  await first.ended;
  const early = await listBlobs(shared().azurite, fixture.container);
  assert.deepEqual(early, [], 'half of a result was stored');

  for (const { pid } of others) signal(pid, 'SIGCONT');
  await second.ended;
  const status = await assertWholeElsewhere(fixture, 'b', honest, gated);
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

/** `words` fails in a run with FAILS, whose other tasks wait until RELEASE is there. */
const halfFailing = `
  fs.writeFileSync(path.join(dist, 'a.txt'), 'a');
  const { FAILS, RELEASE } = process.env;
  if (FAILS && project === 'words') process.exit(1);
  while (FAILS && !fs.existsSync(RELEASE)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }`;

for (const nx of ['20.8.4', '22.7.12', undefined]) {
  const version = nx ?? require('nx/package.json').version;
  fullTest(`two-runs_a_task_that_failed_is_over_${version}`, async (t) => {
    const fixture = await startFixture(t, { nx });
    const a = fixture.machine('a');
    setBuild(a, halfFailing);
    const RELEASE = path.join(path.dirname(a.home), 'release');
    const both = ['run-many', '--target=build', '--projects=words,colors'];
    const first = a.nx(both, { env: { FAILS: '1', RELEASE } });
    const notes = () => pendingOf(a.cacheDirectory() ?? cacheOf(a));
    await until(() => notes().split('+').length > 2, 60_000);
    await until(() => /^-/m.test(notes()), 10_000); // else the rest shows it
    await runNx(a, args);
    const stored = await listBlobs(shared().azurite, fixture.container);
    fs.writeFileSync(RELEASE, '');
    assert.notEqual((await first).code, 0);
    assert.equal(stored.length, 1, 'the run in which it succeeds stores it');
  });
}

/**
 * What the runs in a cache directory have noted of their tasks.
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

/** Deletes what was built before, as many tasks do, and is slow. */
const slowBuild = `
  for (let i = 0; i < 200; i++) {
    fs.writeFileSync(path.join(dist, i + '.txt'), project + ' ' + i);
    if (i % 20 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }`;

/** What is there before each phase, by name. */
const states = {
  empty: (/** @type {Machine} */ a, /** @type {Fixture} */ fixture) => {
    a.forget();
    return fixture.empty();
  },
  half: async (/** @type {Machine} */ a, /** @type {Fixture} */ fixture) => {
    a.forget();
    await fixture.empty();
    await a.nx(args);
    fs.rmSync(path.join(a.workspace, 'dist'), { recursive: true, force: true });
  },
  full: async (/** @type {Machine} */ a, /** @type {Fixture} */ fixture) => {
    a.forget();
    await a.nx(['run-many', '--target=build']);
    forgetResults(a);
    await fixture.empty();
  },
};

/** The files of a result of `slowBuild`. */
const wholeResult = 200;

/**
 * The tasks whose outputs differ.
 *
 * @param {Record<string, string>} got
 * @param {Record<string, string>} honest
 */
function wrongTasks(got, honest) {
  const of = (/** @type {string} */ task, /** @type {typeof got} */ files) =>
    JSON.stringify(
      Object.entries(files)
        .filter(([name]) => name.startsWith(`${task}/`))
        .sort(),
    );
  return ['words', 'colors', 'site'].filter(
    (task) => of(task, got) !== of(task, honest),
  );
}

/** How long the runs of each phase wait for the one before them, in milliseconds. */
const pauses = [150, 300, 0, 150, 300, 0, 150, 300];

for (const [state, prepare] of Object.entries(states)) {
  fullTest(`two-runs_four_at_once_with_a_${state}_cache`, async (t) => {
    const fixture = await startFixture(t);
    const build = ['run-many', '--target=build'];
    const honest = await withoutCache(fixture, (m) => setBuild(m, slowBuild));
    const [a, b] = ['a', 'b'].map((name) => fixture.machine(name));
    for (const machine of [a, b]) setBuild(machine, slowBuild);
    recordCalls(a, hooks);
    const calls = path.join(a.home, 'handed-over');
    const log = path.join(path.dirname(a.home), 'log');
    const env = { NX_AZURE_CACHE_LOG: 'debug', NX_AZURE_CACHE_LOG_FILE: log };
    let races = 0;

    /**
     * Lets runs store what they make, and another machine restore it.
     *
     * @param {string} phase
     * @param {() => Promise<unknown>} makeRuns
     * @returns {Promise<number>} the hits of the other machine
     */
    const play = async (phase, makeRuns) => {
      await prepare(a, fixture);
      fs.rmSync(calls, { force: true });
      const before = await listBlobs(shared().azurite, fixture.container);
      await makeRuns();
      assert.deepEqual(filesOfOurs(a), []);
      const told = takeLines(log);
      const handedOver = countsByHash(takeLines(calls));
      b.forget();
      await runNx(b, build);
      const results = b.lastRun();
      for (const task of wrongTasks(outputs(b), honest)) {
        const counts = handedOver.get(results[`${task}:build`].hash) ?? [];
        const what = `${phase}: the result of ${task} is wrong; files when Nx called: ${counts}`;
        assert.ok(
          counts.some((files) => files < wholeResult),
          what,
        );
        t.diagnostic(what);
        races++;
      }
      for (const { hash, cacheStatus } of Object.values(results)) {
        const { length } = handedOver.get(hash) ?? [];
        const isStored = isStoredThen(hash, length, told);
        const wasStored = before.some(({ name }) => name.endsWith(`/${hash}`));
        const want = isStored || wasStored ? 'remote-cache-hit' : 'cache-miss';
        assert.equal(cacheStatus, want, `${phase}: ${hash}`);
      }
      return Object.values(results).filter(
        ({ cacheStatus }) => cacheStatus === 'remote-cache-hit',
      ).length;
    };

    let hits = 0;
    for (const [i, pause] of pauses.entries()) {
      hits += await play(`phase ${i + 1}`, () =>
        Promise.all(
          // Of such a run Nx itself may fail; what it stores is what matters.
          [0, 1, 2, 3].map(async (run) => {
            await until(() => false, run * pause);
            return a.nx(build, { env });
          }),
        ),
      );
    }
    // Many are left out: a run that restores a result disturbs those that build it.
    t.diagnostic(`${races} results were incomplete when Nx called`);
    t.diagnostic(`${hits} of 24 results came from the remote cache`);

    // Undisturbed runs store all results, whatever other runs have left there.
    const undisturbed = await play('one after the other', async () => {
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
