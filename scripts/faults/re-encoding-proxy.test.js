'use strict';

// A proxy compresses responses: it adds a Content-Encoding, weakens the ETag and removes the
// length.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { changeRead, compress, pass } = require('../kit/http-faults');
const { fullTest } = require('../kit/tests');
const { expectedOfMany, fillCache, remoteHits } = require('./remote-hits');
const { assertUndisturbed } = require('./undisturbed');
const { forgetResults } = require('./workspace');

const tasks = 10;

const squid = changeRead((response) => {
  const { headers, ...rest } = compress(response);
  return { ...rest, headers: { ...headers, via: '1.1 squid' } };
});

fullTest('re-encoding-proxy_damages_no_entry', async (t) => {
  const fixture = await startFixture(t);
  const machine = await fillCache(fixture, tasks);
  fixture.recorder.fault = squid;
  fixture.recorder.take();
  const line =
    /a proxy or gateway modified the response \(Content-Encoding: gzip, Via: 1\.1 squid\)/;
  await assertUndisturbed(machine, expectedOfMany(tasks, line));
  assert.equal(remoteHits(machine), 0);
  const requests = fixture.recorder.take();
  assert.ok(!requests.includes('PUT 201'), requests.join('\n'));
  // The entries are unchanged: without the proxy they are hits.
  fixture.recorder.fault = pass;
  forgetResults(machine);
  await assertUndisturbed(machine, expectedOfMany(tasks, null));
  assert.equal(remoteHits(machine), tasks);
});
