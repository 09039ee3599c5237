'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { alias } = require('../kit/names');
const { quickTest: test } = require('../kit/tests');
const { startFixture } = require('../kit/fixture');
const { testLicense } = require('../kit/license');
const { build, runNx } = require('../kit/nx-runs');
const { assertUndisturbed } = require('./undisturbed');

// The tests of package license cover the lines for all other licenses (F27).
test('without a license Nx uses only the local cache', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const env = { NX_POWERPACK_LICENSE: '' };
  await assertUndisturbed(
    machine('a', { env }),
    /the remote cache is off: no license found: set NX_POWERPACK_LICENSE .*license\.ini/,
  );
  assert.deepEqual(recorder.take(), []);
});

test('activate rejects an expired license and accepts a valid one', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a', { env: { NX_POWERPACK_LICENSE: '' } });
  const file = path.join(a.workspace, '.nx', 'powerpack', 'license.ini');
  const activate = (/** @type {string[]} */ ...args) =>
    a.run('npx', [
      ...['--no-install', 'nx', 'g'],
      ...[`${alias}:activate`, ...args],
    ]);

  const refused = await activate(testLicense('expired'));
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /this license expired on 2025-01-01/);
  assert.ok(!fs.existsSync(file));

  const { code, output } = await activate(testLicense('valid'));
  assert.equal(code, 0, output);
  assert.match(output, /CREATE \.nx\/powerpack\/license\.ini/);
  assert.match(output, /activated: the license for Example GmbH/);
  const status = await a.run('npx', [
    ...['--no-install', 'nx-azure-cache', 'license', 'status'],
  ]);
  assert.equal(status.code, 0, status.output);
  assert.match(status.output, /license\.ini +valid, used/);
  assert.ok(!(output + status.output).includes(testLicense('valid')));

  assert.deepEqual(await runNx(a, build), []);
  assert.ok(recorder.take().includes('PUT 201'));
});
