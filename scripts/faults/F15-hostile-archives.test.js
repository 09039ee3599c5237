'use strict';

// nx#36116, GHSA-vp3h-ghgh-jr7g: archive entries with "..", with absolute names or below a
// link were written anywhere, and only 2 of the exit code's 4 bytes were read.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { build, runNx } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { upload, uploads } = require('../kit/archives');
const { escapedFiles } = require('../kit/escaped-files');
const { assertUndisturbed } = require('./undisturbed');

const hostile = uploads.filter((name) => name.startsWith('hostile-'));

for (const name of hostile) {
  const runTest =
    name === 'hostile-a-name-that-leaves-far' ? quickTest : fullTest;
  runTest(`F15_${name}`, async (t) => {
    const { container, machine } = await startFixture(t);
    await runNx(machine('a'), build);
    await upload(container, name);
    const b = machine('b');
    const before = escapedFiles(b);
    await assertUndisturbed(b);
    assert.deepEqual(escapedFiles(b), before);
    // The run has replaced the hostile entry with a correct one.
    await assertUndisturbed(machine('c'), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}

fullTest('F15_exit_code_65536_is_not_a_success', async (t) => {
  const { container, machine } = await startFixture(t);
  await runNx(machine('a'), build);
  await upload(container, 'code');
  await assertUndisturbed(machine('b'));
});
