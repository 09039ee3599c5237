'use strict';

// nx#31191: a Go binary of 50 MB was "restored", and its folder was missing.
// nx#36943, #30335 (F08): outputs over 2 GiB, or of 20,000 small files, were
// never stored, which only --verbose said.

const assert = require('node:assert/strict');
const { listBlobs } = require('../lib/azurite');
const { shared } = require('../e2e/world');
const { watchMemory } = require('./processes');
const {
  assertUndisturbed,
  buildLargeFile,
  fullTest,
  quickTest,
  setBuild,
  startWorld,
  withoutCache,
} = require('./world');

/** @import { TestContext } from 'node:test' */

const args = ['run', 'words:build'];

/** The most memory that a server may use, whatever it stores (design §11). */
const memoryLimit = 96 * 1024 * 1024;

const megabytes = (/** @type {number} */ bytes) =>
  `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

/**
 * Builds on one machine, and takes the result from the cache on another.
 *
 * @param {TestContext} t
 * @param {string} script of `setBuild`
 */
async function roundTrip(t, script) {
  const world = await startWorld(t);
  const make = (/** @type {string} */ name) => {
    const machine = world.machine(name);
    setBuild(machine, script);
    return machine;
  };
  const outputs = await withoutCache(
    world,
    (machine) => setBuild(machine, script),
    args,
  );
  for (const [name, status] of /** @type {const} */ ([
    ['a', 'cache-miss'],
    ['b', 'remote-cache-hit'],
  ])) {
    const machine = make(name);
    const stop = watchMemory(machine);
    try {
      await assertUndisturbed(machine, {
        args,
        line: null,
        status: null,
        outputs,
      });
    } finally {
      const most = stop();
      t.diagnostic(`${status}: the server used ${megabytes(most)} at most`);
      assert.ok(most < memoryLimit, megabytes(most));
    }
    assert.equal(machine.lastRun()['words:build'].cacheStatus, status);
    machine.forget();
  }
  const blobs = await listBlobs(shared.azurite, world.container);
  t.diagnostic(`stored in ${blobs.map(({ size }) => megabytes(size))}`);
}

quickTest('F07_large_file_restores_60_MB', (t) =>
  roundTrip(t, buildLargeFile(60)),
);

fullTest('F07_large_file_restores_300_MB', (t) =>
  roundTrip(t, buildLargeFile(300)),
);

fullTest('F08_20000_files', (t) =>
  roundTrip(
    t,
    `for (let i = 0; i < 20_000; i++) {
      const folder = path.join(dist, String(i % 200));
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, i + '.js'), 'exports.i = ' + i + ';\\n');
    }`,
  ),
);

if (process.env.FAULTS_NIGHTLY) {
  fullTest('F08_sparse_file_of_2200_MiB', (t) =>
    roundTrip(
      t,
      `const file = fs.openSync(path.join(dist, 'large'), 'w');
      fs.ftruncateSync(file, 2200 * 1024 * 1024);
      fs.writeSync(file, 'at the end', 2200 * 1024 * 1024);
      fs.closeSync(file);`,
    ),
  );
}
