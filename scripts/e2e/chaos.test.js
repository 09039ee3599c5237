'use strict';

const assert = require('node:assert/strict');
const { quickTest: test } = require('../kit/tests');
const { attempt } = require('../kit/run');

// This seed makes small workspaces, a binary that stops, an upload that is reset, damaged
// blobs, and a machine that sleeps.
const seed = 'q28543';

test('a few runs of chaos', { skip: skipReason() }, async () => {
  const { code, output } = await attempt('node', [
    ...['scripts/chaos.js', '--runs', '2', '--seed', seed],
  ]);
  assert.equal(code, 0, output);
  assert.match(output, /^chaos: 2 runs, 0 failures, seed q28543/m);
});

function skipReason() {
  return process.platform !== 'linux' && 'chaos runs on Linux only';
}
