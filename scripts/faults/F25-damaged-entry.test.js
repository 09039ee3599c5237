'use strict';

// turborepo#3127, tuist#10302: a truncated upload stayed forever, because later writers found
// an existing entry and stored nothing.

const assert = require('node:assert/strict');
const { rewriteBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { build, runNx, tasks } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

/** @type {Record<string, (content: Buffer) => Buffer>} */
const damages = {
  a_truncated_entry: (content) => content.subarray(0, content.length / 2),
  an_entry_without_its_last_byte: (content) => content.subarray(0, -1),
  an_empty_entry: () => Buffer.alloc(0),
  an_entry_with_an_extra_byte: (content) =>
    Buffer.concat([content, Buffer.from('x')]),
  an_entry_with_a_flipped_bit: (content) => {
    const changed = Buffer.from(content);
    changed[changed.length >> 1] ^= 1;
    return changed;
  },
};

for (const [name, damage] of Object.entries(damages)) {
  const runTest = name === 'a_truncated_entry' ? quickTest : fullTest;
  runTest(`F25_${name}_is_replaced`, async (t) => {
    const { container, machine, recorder } = await startFixture(t);
    await runNx(machine('a'), build);
    await rewriteBlobs(shared().azurite, container, damage);
    recorder.take();
    await assertUndisturbed(machine('b'), { status: 'cache-miss' });
    const stored = recorder.take().filter((request) => request === 'PUT 201');
    assert.equal(stored.length, tasks.length, 'every entry is stored again');
    await assertUndisturbed(machine('c'), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}
