'use strict';

// A proxy that compresses what passes through it: Content-Encoding, a weak ETag, no
// length.

const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { startFixture } = require('../kit/fixture');
const { on, pass } = require('../kit/http-faults');
const { fullTest } = require('../kit/tests');
const { expectedOfMany, filled, remoteHits } = require('./hits');
const { assertUndisturbed } = require('./undisturbed');
const { forgetResults } = require('./workspace');

/** @import { Fault } from '../kit/recorder' */

const tasks = 10;

/** @type {Fault} */
const compress = async ({ ask, response }) => {
  const answer = await ask();
  const { 'content-length': _, etag, ...headers } = answer.headers;
  const status = answer.statusCode ?? 0;
  if (status >= 300) {
    response.writeHead(status, answer.headers);
    return answer.pipe(response);
  }
  response.writeHead(status, {
    ...headers,
    ...{ etag: `W/${etag}`, 'content-encoding': 'gzip', via: '1.1 squid' },
  });
  return answer.pipe(zlib.createGzip()).pipe(response);
};

fullTest('re-encoding-proxy_damages_no_entry', async (t) => {
  const fixture = await startFixture(t);
  const machine = await filled(fixture, tasks);
  fixture.recorder.fault = on('GET', compress);
  fixture.recorder.take();
  const line =
    /a proxy or gateway on the way has changed the response \(Content-Encoding: gzip, Via: 1\.1 squid\)/;
  await assertUndisturbed(machine, expectedOfMany(tasks, line));
  assert.equal(remoteHits(machine), 0);
  const requests = fixture.recorder.take();
  assert.ok(!requests.includes('PUT 201'), requests.join('\n'));
  // The entries are what they were: without the proxy they are hits.
  fixture.recorder.fault = pass;
  forgetResults(machine);
  await assertUndisturbed(machine, expectedOfMany(tasks, null));
  assert.equal(remoteHits(machine), tasks);
});
