'use strict';

// A cached task runs Nx itself. The inner run's lines about the cache must not become part of
// the cached terminal output.

const assert = require('node:assert/strict');
const { stripVTControlCharacters } = require('node:util');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { respondWith, pass } = require('../kit/http-faults');
const { assertStatus, summary } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { assertNothingLeft } = require('./undisturbed');
const { setBuild } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

const versions = ['20.8.4', '22.7.12', '24.0.6'];

const args = ['run', 'words:build'];

/**
 * Makes the build of words run the build of colors with another Nx.
 *
 * @param {Machine} machine
 */
function nest(machine) {
  setBuild(
    machine,
    `fs.writeFileSync(path.join(dist, 'index.js'), project);
    if (project === 'words') {
      require('node:child_process').execSync(
        'npx --no-install nx run colors:build',
        { stdio: 'inherit' },
      );
    }`,
  );
}

/** @param {string} output */
const ourLines = (output) =>
  output.split('\n').filter((line) => line.includes('nx-azure-cache:'));

for (const nx of versions) {
  fullTest(`nested-run_with_a_failing_storage_${nx}`, async (t) => {
    const { machine, recorder } = await startFixture(t, { nx });
    const a = machine('a', { azure: { timeouts: { drain: '2s' } } });
    nest(a);
    recorder.fault = respondWith(503);
    const failing = await a.nx(args);
    assert.equal(failing.code, 0, failing.output);
    assert.equal(
      ourLines(failing.output).length,
      1,
      'only the outer run prints a line',
    );
    recorder.fault = pass;
    const healthy = await a.nx(args);
    assert.equal(healthy.code, 0, healthy.output);
    assertStatus(a, 'local-cache-hit', ['words:build']);
    const text = stripVTControlCharacters(healthy.output);
    assert.match(text, /nx run colors:build/, 'the output of the task');
    assert.deepEqual(ourLines(healthy.output), []);
    await assertNothingLeft(a);
  });

  fullTest(`nested-run_in_CI_${nx}`, async (t) => {
    const { machine } = await startFixture(t, { nx });
    const a = machine('a', { env: onMain });
    nest(a);
    const built = await a.nx(args);
    assert.equal(built.code, 0, built.output);
    const b = machine('b', { env: onMain });
    nest(b);
    const restored = await b.nx(args);
    assert.equal(restored.code, 0, restored.output);
    assertStatus(b, 'remote-cache-hit', ['words:build']);
    for (const { output } of [built, restored]) {
      assert.equal(ourLines(output).length, 1, output);
      assert.match(ourLines(output)[0], summary);
    }
  });
}
