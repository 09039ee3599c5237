'use strict';

// A container in which a process may have few files open.

const assert = require('node:assert/strict');
const { outputs, build } = require('../e2e/world');
const { filled, remoteHits } = require('./hits');
const { outputsOfMany } = require('./many');
const { assertNothingLeft, fullTest, startWorld } = require('./world');

const tasks = 120;

fullTest('few-descriptors_are_enough_for_all_hits', async (t) => {
  const world = await startWorld(t);
  const machine = await filled(world, tasks);
  // Of an address that is not near: all connections are busy at the same time.
  world.recorder.fault = ({ pass }) => void setTimeout(pass, 30);
  const command = `ulimit -n 128 && exec npx --no-install nx ${build.join(' ')}`;
  const result = await machine.run('sh', ['-c', command]);
  assert.equal(result.code, 0, result.output);
  assert.equal(remoteHits(machine), tasks, result.output);
  assert.deepEqual(outputs(machine), outputsOfMany(tasks));
  await assertNothingLeft(machine);
});
