'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { attempt } = require('../lib/run');
const { shared } = require('./world');

test('a few runs of chaos', { skip: skipReason() }, async () => {
  const { code, output } = await attempt('node', [
    ...['scripts/chaos.js', '--runs', '3', '--seed', 'e2e'],
    ...['--template', path.join(shared.folder, 'alias', 'workspace')],
  ]);
  assert.equal(code, 0, output);
  assert.match(output, /^chaos: 3 runs, 0 failures, seed e2e/m);
});

function skipReason() {
  return process.platform !== 'linux' && 'chaos runs on Linux only';
}
