'use strict';

// Archives of a few kilobytes that fill a disk. They also hold the task's output, so a reader
// that accepts one reports a hit.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { namesBelow } = require('../kit/tree');
const { assertHonest, redTest } = require('./attacks');
const { ratioBomb, sparseBomb } = require('./bombs');
const { hash, poisoned, startFixture } = require('./fixture');
const { push } = require('./runs');
const { metadataOf } = require('./storage');
const { output } = require('./workspace');

/** Larger than any file in a workspace of these tests, in bytes. */
const large = 50 * 1024 * 1024;

/**
 * Makes a test of an archive in the place where main looks for the result.
 *
 * @param {string} name
 * @param {typeof ratioBomb} make
 * @param {RegExp} line that main sees
 */
function bombTest(name, make, line) {
  redTest(name, async (t) => {
    const fixture = await startFixture(t, {});
    const content = make(hash, output, poisoned);
    t.diagnostic(`${content.length} bytes are planted`);
    await fixture.plant({ content, metadata: metadataOf(content) });
    const victim = fixture.machine('victim', push('main'));
    const outcome = await fixture.build(victim);
    assert.deepEqual(largeFiles(victim.workspace), []);
    assertHonest(outcome, line);
    const entry = await fixture.entry();
    assert.ok(
      entry && !entry.content.equals(content),
      'the bomb is still there',
    );
  });
}

/**
 * The large files below a folder, except for installed packages.
 *
 * @param {string} folder
 */
function largeFiles(folder) {
  return namesBelow(folder)
    .filter((name) => !name.split(path.sep).includes('node_modules'))
    .filter((name) => fs.lstatSync(path.join(folder, name)).size > large);
}

bombTest(
  'sparse_bomb',
  sparseBomb,
  /archive rejected: an extended header has the record "GNU\.sparse\.major"/,
);

bombTest(
  'ratio_bomb',
  ratioBomb,
  /archive rejected: it unpacks to more bytes than allowed/,
);
