'use strict';

// When a task fails and another is skipped, Nx 21 to 23 end with exit code 130, as after
// Ctrl-C. The cache stores the results of such a run.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { listBlobs } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { on } = require('../kit/http-faults');
const { build, summary } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const { assertNothingLeft } = require('./undisturbed');
const { setBuild } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

/** The exit code of each version; it is the same with `--nxBail`. */
const versions = {
  '20.8.4': 1,
  '21.2.4': 130,
  '22.7.12': 130,
  '23.1.3': 130,
  '23.3.2': 130,
  '24.0.6': 1,
};

/**
 * Makes words succeed at once and colors fail a second later, so that Nx skips site.
 *
 * @param {Machine} machine
 */
function failColors(machine) {
  setBuild(
    machine,
    `fs.writeFileSync(path.join(dist, 'index.js'), project);
    if (project === 'colors') setTimeout(() => process.exit(1), 1_000);`,
  );
}

for (const [nx, code] of Object.entries(versions)) {
  for (const args of [build, [...build, '--nxBail']]) {
    const bail = args.includes('--nxBail') ? '_nxBail' : '';
    fullTest(`red-run_stores_what_it_built_${nx}${bail}`, async (t) => {
      const { container, machine, recorder } = await startFixture(t, { nx });
      const a = machine('a', { env: onMain });
      failColors(a);
      recorder.fault = on('PUT', async ({ pass }) => {
        await sleep(1_500); // the run is over by then
        pass();
      });
      const run = await a.nx(args);
      assert.equal(run.code, code, run.output);
      const blobs = await listBlobs(shared().azurite, container);
      assert.equal(blobs.length, 1, run.output);
      const lines = run.output.split('\n').filter((line) => summary.test(line));
      assert.equal(lines.length, 1, run.output);
      assert.match(lines[0], /, 1 stored, /);
      assert.ok(fs.existsSync(path.join(a.workspace, 'dist', 'words')));
      await assertNothingLeft(a);
    });
  }
}
