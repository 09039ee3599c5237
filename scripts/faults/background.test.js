'use strict';

// Uploads continue in the background while later tasks run.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { on } = require('../kit/http-faults');
const { tasks } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const { until } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { recordCalls } = require('./nx-calls');
const { assertUndisturbed } = require('./undisturbed');
const {
  buildLargeFile,
  outputsWithoutCache,
  setBuild,
} = require('./workspace');

quickTest('background_store_does_not_delay_dependents', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  const a = machine('a');
  // No upload gets a response before the dependent task has run. If Nx waited for an upload,
  // it would never run that task.
  const site = path.join(a.workspace, 'dist', 'site', 'index.js');
  /** @type {string[]} */
  const early = [];
  recorder.fault = on('PUT', async ({ pass, path }) => {
    const hasRun = await until(() => fs.existsSync(site), patience);
    if (!hasRun) early.push(path);
    pass();
  });
  await assertUndisturbed(a, { line: null });
  assert.deepEqual(early, []);
  const blobs = await listBlobs(shared().azurite, container);
  assert.equal(
    blobs.length,
    tasks.length,
    'everything is stored when Nx has ended',
  );
});

/** @type {Record<string, string>} */
const sizes = {
  '1 MB': buildLargeFile(1),
  '200 MB': buildLargeFile(200),
  '2,000 files': `for (let i = 0; i < 2000; i++) {
    const folder = path.join(dist, String(i % 20));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, i + '.js'), crypto.createHash('sha512').update(String(i)).digest('hex').repeat(80));
  }`,
};

for (const [name, script] of Object.entries(sizes)) {
  fullTest(`background_store_of_${name}`, async (t) => {
    const fixture = await startFixture(t);
    const prepare = (/** @type {any} */ machine) => setBuild(machine, script);
    const args = ['run', 'words:build'];
    const outputs = await outputsWithoutCache(fixture, prepare, args);
    const took = [];
    for (let i = 0; i < 5; i++) {
      const a = fixture.machine(`a${i}`);
      prepare(a);
      const spy = recordCalls(a);
      const expected = { args, line: null, status: null, outputs };
      await assertUndisturbed(a, expected);
      took.push(...spy.calls('store').map(({ took }) => took));
      await fixture.empty();
      a.forget();
    }
    const text = took.map((ms) => ms.toFixed(1)).join(', ');
    t.diagnostic(`Nx waits for store of ${name}: ${text} ms`);
    assert.equal(took.length, 5);
    // Packing takes much longer, so this holds on a busy machine too.
    assert.ok(Math.min(...took) < 50, text);
  });
}
