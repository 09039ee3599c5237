'use strict';

// In some containers a process may open only a few files.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { build, outputs } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { fillCache, remoteHits } = require('./remote-hits');
const { outputsOfMany } = require('./many-projects');
const { assertNothingLeft } = require('./undisturbed');

const tasks = 120;

fullTest('few-descriptors_are_enough_for_all_hits', async (t) => {
  const fixture = await startFixture(t);
  const machine = await fillCache(fixture, tasks);
  // Like a distant storage, so that all connections are busy at the same time.
  fixture.recorder.fault = ({ pass }) => void setTimeout(pass, 30);
  const command = `ulimit -n 128 && exec npx --no-install nx ${build.join(' ')}`;
  const result = await machine.run('sh', ['-c', command]);
  assert.equal(result.code, 0, result.output);
  assert.equal(remoteHits(machine), tasks, result.output);
  assert.deepEqual(outputs(machine), outputsOfMany(tasks));
  await assertNothingLeft(machine);
});
