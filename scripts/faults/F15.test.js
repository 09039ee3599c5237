'use strict';

// nx#36116, GHSA-vp3h-ghgh-jr7g: entries with "..", absolute ones, and those
// written by way of a link, wrote anywhere; of the exit code 2 of 4 bytes were
// read.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { build, namesBelow, runNx } = require('../e2e/world');
const { upload, uploads } = require('./archives');
const {
  assertUndisturbed,
  fullTest,
  quickTest,
  startWorld,
} = require('./world');

/** @import { Machine } from '../lib/machine' */

const hostile = uploads.filter((name) => name.startsWith('hostile-'));

/**
 * Files that the hostile archives aim at: all are called evil.
 *
 * @param {Machine} machine
 */
function evilOf({ home, workspace }) {
  const found = ['/tmp/evil', '/evil'].filter((file) => fs.existsSync(file));
  for (const folder of [path.dirname(home), home, workspace]) {
    const isOurs = (/** @type {string} */ name) =>
      path.basename(name) === 'evil' && !name.includes('node_modules');
    found.push(...namesBelow(folder).filter(isOurs));
  }
  return found;
}

for (const name of hostile) {
  const runTest =
    name === 'hostile-a-name-that-leaves-far' ? quickTest : fullTest;
  runTest(`F15_${name}`, async (t) => {
    const { container, machine } = await startWorld(t);
    await runNx(machine('a'), build);
    await upload(container, name);
    const b = machine('b');
    const before = evilOf(b);
    await assertUndisturbed(b);
    assert.deepEqual(evilOf(b), before);
    // What was there is replaced by what the tasks make.
    await assertUndisturbed(machine('c'), {
      line: null,
      status: 'remote-cache-hit',
    });
  });
}

fullTest('F15_exit_code_65536_is_no_success', async (t) => {
  const { container, machine } = await startWorld(t);
  await runNx(machine('a'), build);
  await upload(container, 'code');
  await assertUndisturbed(machine('b'));
});
