'use strict';

// A proxy that compresses what passes through it: Content-Encoding, a weak ETag, no
// length.

const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { on, pass } = require('./faults');
const { expectedOfMany, filled, remoteHits } = require('./hits');
const {
  assertUndisturbed,
  forgetResults,
  fullTest,
  startWorld,
} = require('./world');

/** @import { Fault } from '../e2e/recorder' */

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
  const world = await startWorld(t);
  const machine = await filled(world, tasks);
  world.recorder.fault = on('GET', compress);
  world.recorder.take();
  const line =
    /a proxy or gateway on the way has changed the response \(Content-Encoding: gzip, Via: 1\.1 squid\)/;
  await assertUndisturbed(machine, expectedOfMany(tasks, line));
  assert.equal(remoteHits(machine), 0);
  const requests = world.recorder.take();
  assert.ok(!requests.includes('PUT 201'), requests.join('\n'));
  // The entries are what they were: without the proxy they are hits.
  world.recorder.fault = pass;
  forgetResults(machine);
  await assertUndisturbed(machine, expectedOfMany(tasks, null));
  assert.equal(remoteHits(machine), tasks);
});
