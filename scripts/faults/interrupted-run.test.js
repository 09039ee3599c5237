'use strict';

// A signal ends a run as it would without a cache, even while the run waits for its last
// uploads.

const assert = require('node:assert/strict');
const { listBlobs } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { gate, on } = require('../kit/http-faults');
const { build, ourLines } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const { draining, groupOf, nxOf, signal } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const { assertNothingLeft } = require('./undisturbed');

const versions = ['20.8.4', '21.2.4', '22.7.12', '23.1.3', '23.3.2', '24.0.6'];

/**
 * Starts a run whose uploads are held.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} nx
 * @param {{ uploads: number, time: string }} options it waits for this many
 *   `uploads`; `time` is how long a task takes
 */
async function start(t, nx, { uploads, time }) {
  const { container, machine, recorder } = await startFixture(t, { nx });
  const azure = { timeouts: { firstByte: '60s' } };
  const a = machine('a', { azure, env: { ...onMain, BUILD_TIME: time } });
  const puts = gate(uploads);
  recorder.fault = on('PUT', puts.fault);
  const run = a.npxNx(build);
  await puts.arrived;
  return { a, container, puts, run };
}

for (const nx of versions) {
  for (const name of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) {
    fullTest(
      `interrupted-run_${name}_to_Nx_during_its_drain_${nx}`,
      async (t) => {
        const fixture = await start(t, nx, { uploads: 3, time: '0' });
        await draining(fixture.a);
        const since = performance.now();
        const pid = nxOf(fixture.a);
        signal(pid, name);
        const { output } = await fixture.run;
        // Uploads would time out after 60 s.
        const took = performance.now() - since;
        assert.ok(took < patience / 2, `the run took ${took} ms to end`);
        assert.ok(!output.includes('report it'), output);
        fixture.puts.open();
        // The server finishes the uploads without Nx.
        const stored = () => listBlobs(shared().azurite, fixture.container);
        let blobs = await stored();
        for (let i = 0; i < 50 && blobs.length < 3; i++) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          blobs = await stored();
        }
        assert.equal(blobs.length, 3);
        await assertNothingLeft(fixture.a);
      },
    );
  }

  fullTest(`interrupted-run_SIGTERM_to_the_process_group_${nx}`, async (t) => {
    // words and colors are done, and site takes 3 s more.
    const { a, puts, run } = await start(t, nx, { uploads: 2, time: '3000' });
    signal(-groupOf(nxOf(a)), 'SIGTERM');
    const { output } = await run;
    const lines = ourLines(output);
    assert.ok(lines.length <= 1, output);
    const cancelled =
      /^nx-azure-cache: the run was cancelled: 2 results were not stored$/;
    if (lines.length > 0) assert.match(lines[0], cancelled);
    puts.open();
    await assertNothingLeft(a);
  });

  fullTest(`interrupted-run_Ctrl-C_${nx}`, async (t) => {
    const fixture = await start(t, nx, { uploads: 2, time: '3000' });
    const { a, container, puts, run } = fixture;
    const since = performance.now();
    signal(-groupOf(nxOf(a)), 'SIGINT');
    const { output } = await run;
    const took = performance.now() - since;
    assert.ok(took < patience / 2, `the run took ${took} ms to end`);
    assert.deepEqual(ourLines(output), []);
    puts.open();
    await assertNothingLeft(a);
    const blobs = await listBlobs(shared().azurite, container);
    assert.equal(blobs.length, 2);
  });
}
