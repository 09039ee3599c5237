'use strict';

// One problem causes one line, whether a read, a write or the end of the run detects it.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { canMount } = require('../chaos/disk');
const { startFixture } = require('../kit/fixture');
const { respondWith, cutRequest } = require('../kit/http-faults');
const { build, runNx } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');
const { setBuild } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

/**
 * Runs Nx, and asserts that it prints exactly one line of ours, and which one.
 *
 * @param {Machine} machine
 * @param {RegExp} expected
 * @param {NodeJS.ProcessEnv} [env]
 */
async function assertOneLine(machine, expected, env) {
  const lines = (await runNx(machine, build, { env })).filter(
    (line) => !/^nx-azure-cache: storing \d/.test(line),
  );
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], expected);
}

fullTest('one-line_missing_container', async (t) => {
  const fixture = await startFixture(t);
  const machine = fixture.machine('a', { azure: { container: 'mistyped' } });
  await assertUndisturbed(machine, {
    line: /reading from .*container "mistyped" does not exist/,
  });
});

fullTest('one-line_403_and_resets', async (t) => {
  const fixture = await startFixture(t);
  const refuse = respondWith(403, {
    'x-ms-request-id': '1',
    'x-ms-error-code': 'AuthorizationPermissionMismatch',
  });
  const fault = (
    /** @type {import('../kit/fault-proxy').Exchange} */ exchange,
  ) =>
    exchange.request.method === 'GET' ? refuse(exchange) : cutRequest(exchange);
  fixture.recorder.fault = fault;
  await assertUndisturbed(fixture.machine('a'), {
    line: /403 AuthorizationPermissionMismatch/,
  });
});

fullTest('one-line_unusable_scratch_folder', async (t) => {
  const fixture = await startFixture(t);
  const machine = fixture.machine('a');
  const cacheDirectory = path.join(machine.workspace, 'results');
  fs.mkdirSync(cacheDirectory);
  fs.writeFileSync(path.join(cacheDirectory, '.nx-azure-cache'), '');
  setBuild(
    machine,
    `fs.writeFileSync(path.join(dist, 'a'), project);
    console.log('x'.repeat(300_000));`,
  );
  await assertOneLine(
    machine,
    /is not a directory; the remote cache follows no links/,
    { NX_CACHE_DIRECTORY: cacheDirectory },
  );
});

/**
 * Sets the build script, and a maxCacheSize, because Nx's default is a tenth of the disk.
 *
 * @param {Machine} machine
 * @param {string} script
 */
function prepare(machine, script) {
  const file = path.join(machine.workspace, 'nx.json');
  const nxJson = JSON.parse(fs.readFileSync(file, 'utf8'));
  fs.writeFileSync(file, JSON.stringify({ ...nxJson, maxCacheSize: '1GB' }));
  setBuild(machine, script);
}

fullTest('one-line_full_disk', async (t) => {
  if (!(await canMount())) {
    t.skip('only root may mount a small disk');
    return;
  }
  const fixture = await startFixture(t);
  const script = `
      // The first machine builds more than the second one's disk can hold. That disk has
      // room for Nx's own copy, but not for the packed result next to it.
      const megabytes = project === 'colors' ? Number(process.env.MEGABYTES) : 0;
      const bytes = crypto.randomBytes(megabytes * 1024 * 1024 + 1);
      fs.writeFileSync(path.join(dist, 'a'), bytes);`;
  const first = fixture.machine('a', { env: { MEGABYTES: '40' } });
  prepare(first, script);
  await runNx(first, build);
  const second = fixture.machine('b', { env: { MEGABYTES: '20' } });
  prepare(second, script);
  const small = path.join(second.workspace, 'results');
  fs.mkdirSync(small);
  const size = 'size=30m';
  execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'none', small]);
  try {
    await assertOneLine(second, /free space on the file system of .*results/, {
      NX_CACHE_DIRECTORY: small,
    });
  } finally {
    execFileSync('umount', ['-l', small]);
  }
});
