'use strict';

// A lifecycle rule has moved some of the entries to the archive tier.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { respondWith, pass } = require('../kit/http-faults');
const { build, runNx } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { expectedOfMany, fillCache, remoteHits } = require('./remote-hits');
const { writeMany } = require('./many-projects');
const { assertUndisturbed } = require('./undisturbed');

const tasks = 60;

fullTest('archived-blobs_are_misses_and_all_others_are_hits', async (t) => {
  const fixture = await startFixture(t);
  const machine = await fillCache(fixture, tasks);
  const archived = respondWith(409, {
    'x-ms-error-code': 'BlobArchived',
    'x-ms-request-id': '1',
  });
  let reads = 0;
  const isArchived = new Map();
  fixture.recorder.fault = (exchange) => {
    const { method, path } = exchange;
    const isEntry = path.includes('/v1/');
    if (method === 'GET' && isEntry && !isArchived.has(path)) {
      isArchived.set(path, reads++ % 2 === 0);
    }
    const isUnreadable = method === 'GET' && isArchived.get(path);
    return isUnreadable ? archived(exchange) : pass(exchange);
  };
  const line =
    /entries in the archive tier cannot be read \(409 BlobArchived: .*lifecycle rule.*nx-azure-cache evict --archived/;
  fixture.recorder.take();
  await assertUndisturbed(machine, expectedOfMany(tasks, line));
  assert.equal(remoteHits(machine), tasks / 2);
  // Their blobs still exist, so they are not replaced. New results are stored all the same.
  const requests = fixture.recorder.take();
  assert.equal(
    requests.filter((request) => request === 'PUT 409').length,
    tasks / 2,
  );
  writeMany(machine, tasks + 5);
  await runNx(machine, build);
  const stored = fixture.recorder
    .take()
    .filter((request) => request === 'PUT 201');
  assert.equal(stored.length, 5);
});
