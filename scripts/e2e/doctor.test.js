'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { alias, platformPackage } = require('../kit/names');
const { quickTest: test } = require('../kit/tests');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { testLicense } = require('../kit/license');
const { build, runNx } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');

/** @import { Machine } from '../kit/machine' */

/** The parts of doctor's report, in its order. */
const parts = [
  ...['package', 'versions', 'config', 'license', 'sign-in', 'network'],
  ...['rights', 'round-trip', 'records', 'security'],
];

/** @typedef {{ part: string, id: string, status: string, seen: string, fix?: string }} Check */

/**
 * Runs doctor as users do.
 *
 * @param {Machine} machine
 * @param {...string} flags
 */
async function doctor(machine, ...flags) {
  const args = ['--no-install', 'nx-azure-cache', 'doctor', ...flags];
  const result = await machine.run('npx', args);
  assertNoSecret(result.output);
  return result;
}

/** @param {string} output */
function assertNoSecret(output) {
  const key = /AccountKey=([^;]+)/.exec(shared().azurite)?.[1] ?? '';
  for (const secret of [testLicense('valid'), key]) {
    assert.ok(secret && !output.includes(secret), 'the output holds a secret');
  }
}

/**
 * Puts a package into a machine's node_modules that records when it runs.
 *
 * @param {Machine} machine
 * @param {string} name
 */
function installFake({ workspace }, name) {
  const folder = path.join(workspace, 'node_modules', name);
  const ran = path.join(workspace, 'ran');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name, version: '3.1.4', main: 'main.js' }),
  );
  fs.writeFileSync(
    path.join(folder, 'main.js'),
    `require('node:fs').writeFileSync(${JSON.stringify(ran)}, '');
     exports.getRemoteCache = () => null;`,
  );
  return ran;
}

for (const install of ['alias', 'plain']) {
  test(`doctor finds no problem (${install} install)`, async (t) => {
    const { machine, recorder } = await startFixture(t, { install });
    const a = machine('a', { env: onMain });
    const { code, stdout } = await doctor(a, '--json');
    /** @type {{ checks: Check[], exitCode: number, leftovers: object[] }} */
    const { checks, exitCode, leftovers } = JSON.parse(stdout);
    const odd = checks.filter(({ status }) => !isFine(status));
    assert.deepEqual(odd, []);
    assert.deepEqual(
      { code, exitCode, leftovers },
      { code: 0, exitCode: 0, leftovers: [] },
    );
    assert.deepEqual([...new Set(checks.map(({ part }) => part))], parts);
    const { seen } = /** @type {Check} */ (
      checks.find(({ id }) => id === 'loaded')
    );
    assert.ok(seen.includes(`node_modules/${alias}`), seen);
    const requests = recorder.take();
    const removed = requests.filter(
      (request) => request === 'DELETE 202',
    ).length;
    assert.ok(removed > 5, requests.join(', '));

    const text = await a.nx(['g', `${alias}:doctor`]);
    assertNoSecret(text.output);
    assert.equal(text.code, 0, text.output);
    assert.match(text.stdout, /^The remote cache works here\.\n\nwhat Nx/m);
    assert.match(text.stdout, /^ {2}ok +the package Nx loads /m);
    assert.match(text.stdout, /^ {2}ok +create in trusted +created; /m);
    assert.match(text.stdout, /^ {2}allowed +other runs +this run is trusted/m);
  });
}

/** @param {string} status */
function isFine(status) {
  return ['ok', 'allowed', 'enforced', 'none'].includes(status);
}

test('doctor reports another cache that Nx loads first, without running it', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { env: onMain });
  const ran = installFake(a, '@nx/s3-cache');
  const { code, stdout } = await a.nx(['g', `${alias}:doctor`]);
  assert.equal(code, 1, stdout);
  assert.match(
    stdout,
    /failed +other remote caches +@nx\/s3-cache 3\.1\.4 .* tries it first/,
  );
  assert.match(stdout, /npm uninstall @nx\/s3-cache/);
  assert.ok(!fs.existsSync(ran), 'doctor has run the other cache');
  await runNx(a, build);
  assert.ok(fs.existsSync(ran), 'Nx has not loaded the other cache');
});

test('doctor reports a missing binary', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { env: onMain });
  fs.rmSync(path.join(a.workspace, 'node_modules', platformPackage), {
    recursive: true,
  });
  const { code, stdout } = await doctor(a);
  assert.equal(code, 1);
  assert.match(stdout, /^ {2}ok +the package Nx loads /m);
  assert.ok(
    stdout.includes(`the package ${platformPackage} is not installed`),
    stdout,
  );
});

test('doctor reports all reasons for a cache that is off at once', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', {
    azure: { container: 'No', prefix: '/' },
    env: {
      ...onMain,
      NX_POWERPACK_LICENSE: '',
      NX_SKIP_REMOTE_CACHE: 'true',
    },
  });
  const { code, stdout } = await doctor(a, '--json');
  assert.equal(code, 1);
  /** @type {{ checks: Check[] }} */
  const { checks } = JSON.parse(stdout);
  const failed = checks.filter(({ status }) => status === 'failed');
  assert.deepEqual(
    failed.map(({ part }) => part),
    ['package', 'config', 'config', 'license'],
  );
  const all = JSON.stringify(failed);
  for (const says of [
    'NX_SKIP_REMOTE_CACHE',
    'azure.container',
    'azure.prefix',
    'no license found',
  ]) {
    assert.ok(all.includes(says), all);
  }
});
