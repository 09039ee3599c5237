'use strict';

// If the Azure CLI hangs, its process and its children end with the run.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { build, runNx } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const { processesOf, serverOf, signal, until } = require('../kit/processes');
const { fullTest } = require('../kit/tests');
const { sharedFolder, startSignedIn } = require('./signed-in');
const { assertNothingLeft, assertUndisturbed } = require('./undisturbed');

/** @import { Machine } from '../kit/machine' */

/** The environment of a machine whose `az` hangs and has hanging children. */
function hangingAzureCLI() {
  const tools = sharedFolder('az');
  fs.writeFileSync(
    path.join(tools, 'az'),
    '#!/bin/sh\n(sleep 600 & wait) &\nsleep 600\n',
    { mode: 0o755 },
  );
  return { PATH: `${tools}:${process.env.PATH}` };
}

/** @param {Machine} machine */
const sleepers = (machine) =>
  processesOf(machine).filter(({ command }) => command === 'sleep 600');

fullTest('hanging-az_ends_with_the_run', async (t) => {
  const fixture = await startSignedIn(t);
  const a = fixture.machine('a', hangingAzureCLI());
  await assertUndisturbed(a, { line: /azure-cli failed: no token within 10s/ });
  await assertNothingLeft(a, 500);
});

for (const name of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
  fullTest(`hanging-az_ends_when_the_server_gets_${name}`, async (t) => {
    const fixture = await startSignedIn(t);
    const a = fixture.machine('a', hangingAzureCLI());
    const run = runNx(a, build);
    const server = await serverOf(a);
    assert.ok(await until(() => sleepers(a).length === 2, patience));
    signal(server, name);
    assert.ok(await until(() => sleepers(a).length === 0, 1_000));
    await run;
  });
}
