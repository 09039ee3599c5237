'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { copySource, isThisMachine, platforms } = require('../build');
const { blocks, read } = require('../docs/pages');
const { startFixture } = require('../kit/fixture');
const { goEnvironment } = require('../kit/go');
const { testLicense } = require('../kit/license');
const { alias, platformPackage } = require('../kit/names');
const { build, runNx } = require('../kit/nx-runs');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { quickTest: test } = require('../kit/tests');
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

test('the three commands of docs/licenses.md make a build and its license', async (t) => {
  const { folder, machine, recorder } = await startFixture(t);
  const clone = cloneForThisPlatform(path.join(folder, 'clone'));
  const commands = blocks(read('docs/licenses.md'), 'sh').find((code) =>
    /keygen .*\nnpm run build .*\n.* issue /.test(code),
  );
  assert.ok(commands);
  const { stdout } = await run('bash', ['-ec', commands], {
    cwd: clone,
    env: { ...process.env, ...goEnvironment },
  });
  const [license] = /^ey\S+$/m.exec(stdout) ?? [];
  assert.ok(license, stdout);

  const file =
    process.platform === 'win32' ? 'nx-azure-cache.exe' : 'nx-azure-cache';
  const binary = path.join(clone, 'dist/npm', platformPackage, 'bin', file);
  const env = { NX_AZURE_CACHE_BINARY: binary };
  const issued = machine('issued', {
    env: { ...env, NX_POWERPACK_LICENSE: license },
  });
  assert.deepEqual(await runNx(issued, build), []);
  assert.ok(recorder.take().includes('PUT 201'));

  // Of the development issuer, which this build must not trust.
  const development = machine('development', { env });
  await assertUndisturbed(development, /signed with the unknown key/);
  const none = machine('none', { env: { ...env, NX_POWERPACK_LICENSE: '' } });
  await assertUndisturbed(
    none,
    /; ask https:\/\/licenses\.example\.com for one/,
  );
});

/**
 * Copies the part of this repository that builds the packages. In the copy, `--all` is this
 * platform: the others take a minute.
 *
 * @param {string} to
 */
function cloneForThisPlatform(to) {
  copySource(to);
  const others = 'LICENSE README.md docs npm package.json scripts'.split(' ');
  for (const name of others) {
    fs.cpSync(path.join(root, name), path.join(to, name), {
      recursive: true,
      filter: (file) => path.basename(file) !== 'node_modules',
    });
  }
  const ours = platforms.filter(isThisMachine);
  fs.writeFileSync(path.join(to, 'npm/platforms.json'), JSON.stringify(ours));
  return to;
}
