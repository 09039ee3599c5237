'use strict';

// One kind of trouble is one line, whether reading, writing or the end of the run
// notices it.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const e2e = require('../e2e/world');
const { canMount } = require('../chaos/disk');
const { answer, cutRequest } = require('./faults');
const {
  assertUndisturbed,
  fullTest,
  setBuild,
  startWorld,
} = require('./world');

/** @import { Machine } from '../kit/machine' */

/**
 * Runs Nx, and asserts that one line of ours says something.
 *
 * @param {Machine} machine
 * @param {RegExp} want
 * @param {NodeJS.ProcessEnv} [env]
 */
async function assertSaysOnce(machine, want, env) {
  const lines = (await e2e.runNx(machine, e2e.build, { env })).filter(
    (line) => !/^nx-azure-cache: storing \d/.test(line),
  );
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], want);
}

fullTest('one-line_container_that_is_not_there', async (t) => {
  const world = await startWorld(t);
  const machine = world.machine('a', { azure: { container: 'mistyped' } });
  await assertUndisturbed(machine, {
    line: /reading from .*container "mistyped" does not exist/,
  });
});

fullTest('one-line_403_and_resets', async (t) => {
  const world = await startWorld(t);
  const refuse = answer(403, {
    'x-ms-request-id': '1',
    'x-ms-error-code': 'AuthorizationPermissionMismatch',
  });
  const fault = (/** @type {import('../e2e/recorder').Exchange} */ exchange) =>
    exchange.request.method === 'GET' ? refuse(exchange) : cutRequest(exchange);
  world.recorder.fault = fault;
  await assertUndisturbed(world.machine('a'), {
    line: /403 AuthorizationPermissionMismatch/,
  });
});

fullTest('one-line_folder_that_is_not_usable', async (t) => {
  const world = await startWorld(t);
  const machine = world.machine('a');
  const cacheDirectory = path.join(machine.workspace, 'results');
  fs.mkdirSync(cacheDirectory);
  fs.writeFileSync(path.join(cacheDirectory, '.nx-azure-cache'), '');
  setBuild(
    machine,
    `fs.writeFileSync(path.join(dist, 'a'), project);
    console.log('x'.repeat(300_000));`,
  );
  await assertSaysOnce(
    machine,
    /is not a directory; the remote cache follows no links/,
    { NX_CACHE_DIRECTORY: cacheDirectory },
  );
});

/**
 * Nx evicts what is more than a tenth of the disk, unless nx.json says otherwise.
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
  const world = await startWorld(t);
  const script = `
      // The first machine builds more than fits on the second one's disk. There
      // Nx's own copy fits, and what is packed beside it does not.
      const megabytes = project === 'colors' ? Number(process.env.MEGABYTES) : 0;
      const bytes = crypto.randomBytes(megabytes * 1024 * 1024 + 1);
      fs.writeFileSync(path.join(dist, 'a'), bytes);`;
  const first = world.machine('a', { env: { MEGABYTES: '40' } });
  prepare(first, script);
  await e2e.runNx(first, e2e.build);
  const second = world.machine('b', { env: { MEGABYTES: '20' } });
  prepare(second, script);
  const small = path.join(second.workspace, 'results');
  fs.mkdirSync(small);
  const size = 'size=30m';
  execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'none', small]);
  try {
    await assertSaysOnce(second, /free space on the file system of .*results/, {
      NX_CACHE_DIRECTORY: small,
    });
  } finally {
    execFileSync('umount', ['-l', small]);
  }
});
