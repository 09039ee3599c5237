'use strict';

// Results from before the remote cache worked: no run of Nx stores them.

const assert = require('node:assert/strict');
const { serversGone } = require('../kit/processes');
const { quickTest: test } = require('../kit/tests');
const { startFixture } = require('../kit/fixture');
const {
  assertStatus,
  build,
  expectedOutputs,
  ourLines,
  outputs,
  runNx,
  tasks,
} = require('../kit/nx-runs');

const repeat = (/** @type {string} */ text) => tasks.map(() => text);

/** An environment in which the remote cache is off. */
const unlicensed = { NX_POWERPACK_LICENSE: '' };

test('azure.backfill stores what was built before the cache worked, and another machine gets it', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const azure = { backfill: true };
  const a = machine('a', { azure });
  const lines = await runNx(a, build, { env: unlicensed });
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(
    lines[0],
    /the remote cache is off: no license found.*only in the local cache: when this is fixed, later runs store them \(azure\.backfill\)/,
  );
  assert.deepEqual(recorder.take(), []);

  assert.deepEqual(await runNx(a, build), []);
  assertStatus(a, 'local-cache-hit');
  await serversGone(a);
  const missing = [...repeat('HEAD 404'), ...repeat('HEAD 404')];
  const stored = repeat('PUT 201');
  assert.deepEqual(recorder.take().sort(), [...missing, ...stored]);

  assert.deepEqual(await runNx(a, build), []);
  await serversGone(a);
  assert.deepEqual(recorder.take(), repeat('HEAD 200'));

  const b = machine('b', { azure });
  assert.deepEqual(await runNx(b, build), []);
  assertStatus(b, 'remote-cache-hit');
  assert.deepEqual(outputs(b), expectedOutputs());
});

test('without it, the summary line counts local hits, and doctor names them', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const [off] = await runNx(a, build, { env: unlicensed });
  assert.match(
    off,
    /when this is fixed, run nx reset and build again, or set azure\.backfill in nx\.json/,
  );
  const env = { NX_AZURE_CACHE_SUMMARY: '1' };
  const { output } = await a.nx(build, { env });
  const [line] = ourLines(output);
  assert.match(
    line,
    /, 3 local hits \(not compared with the remote cache: see azure\.backfill, NXAC112\), /,
  );
  assert.deepEqual(recorder.take(), []);

  const rows = async () => {
    const args = ['--no-install', 'nx-azure-cache', 'doctor', '--json'];
    const { stdout } = await a.run('npx', args);
    return JSON.parse(stdout).checks.filter(
      (/** @type {any} */ { part }) => part === 'last-run',
    );
  };
  const [before] = await rows();
  assert.equal(before.status, 'warning');
  assert.match(before.seen, /^0 of the last run's 3 results .*site:build/);
  await a.nx(['reset']);
  await runNx(a, build);
  const [after] = await rows();
  assert.equal(after.status, 'ok');
  assert.match(after.seen, /^3 of the last run's 3 results/);
});
