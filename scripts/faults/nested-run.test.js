'use strict';

// A cached task runs Nx itself. The lines that the inner run prints about the cache must not
// come out of the cache later.

const assert = require('node:assert/strict');
const { stripVTControlCharacters } = require('node:util');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { answer, pass } = require('../kit/http-faults');
const { assertStatus, summary } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { assertNothingLeft } = require('./undisturbed');
const { setBuild } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

const versions = ['20.8.4', '22.7.12', '24.0.6'];

const args = ['run', 'words:build'];

/**
 * Lets the build of words run that of colors with an Nx of its own.
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
const ours = (output) =>
  output.split('\n').filter((line) => line.includes('nx-azure-cache:'));

for (const nx of versions) {
  fullTest(`nested-run_of_a_bad_day_${nx}`, async (t) => {
    const { machine, recorder } = await startFixture(t, { nx });
    const a = machine('a', { azure: { timeouts: { drain: '2s' } } });
    nest(a);
    recorder.fault = answer(503);
    const bad = await a.nx(args);
    assert.equal(bad.code, 0, bad.output);
    assert.equal(
      ours(bad.output).length,
      1,
      'only what is wrong with this run',
    );
    recorder.fault = pass;
    const good = await a.nx(args);
    assert.equal(good.code, 0, good.output);
    assertStatus(a, 'local-cache-hit', ['words:build']);
    const text = stripVTControlCharacters(good.output);
    assert.match(text, /nx run colors:build/, 'the output of the task');
    assert.deepEqual(ours(good.output), []);
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
    const fetched = await b.nx(args);
    assert.equal(fetched.code, 0, fetched.output);
    assertStatus(b, 'remote-cache-hit', ['words:build']);
    for (const { output } of [built, fetched]) {
      assert.equal(ours(output).length, 1, output);
      assert.match(ours(output)[0], summary);
    }
  });
}
