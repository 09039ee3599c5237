'use strict';

// The server stops responding after Nx's event loop has ended. The run loses little time, names
// the server as the cause, and leaves no process.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { startFixture } = require('../kit/fixture');
const { gate, on } = require('../kit/http-faults');
const { build } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const {
  assertNoProcess,
  draining,
  serverOf,
  signal,
  until,
} = require('../kit/processes');
const { fullTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');
const { forgetResults, setBuild } = require('./workspace');

fullTest('silent-server_stops_during_its_last_uploads', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  const puts = gate(3);
  recorder.fault = on('PUT', puts.fault);
  const run = a.nx(build);
  await puts.arrived;
  await draining(a);
  const since = performance.now();
  signal(await serverOf(a), 'SIGSTOP');
  const { code, output } = await run;
  assert.ok(
    performance.now() - since < 30_000,
    'the run does not wait for the drain limit of 60 s',
  );
  assert.equal(code, 0, output);
  assert.match(
    output,
    /nx-azure-cache: 3 results were not stored: the cache process has stopped responding .* and was ended/,
  );
  assert.ok(!output.includes('azure.timeouts.drain'), output);
  await assertNoProcess(a, 500);
  puts.open();
  // The next run removes leftovers.
  forgetResults(a);
  await assertUndisturbed(a, { line: null });
});

fullTest('silent-server_stops_while_it_is_idle', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { azure: { localMode: 'read-only' } });
  const go = path.join(a.home, 'go');
  setBuild(
    a,
    `const wait = setInterval(() => {
      if (fs.existsSync(${JSON.stringify(go)})) clearInterval(wait);
    }, 20);
    fs.writeFileSync(path.join(dist, 'index.js'), project);`,
  );
  const run = a.nx(['run', 'words:build']);
  const isBuilding = () =>
    fs.existsSync(path.join(a.workspace, 'dist', 'words', 'index.js'));
  assert.ok(await until(isBuilding, patience));
  signal(await serverOf(a), 'SIGSTOP');
  fs.writeFileSync(go, '');
  const { code, output } = await run;
  assert.equal(code, 0, output);
  assert.ok(!output.includes('nx-azure-cache:'), output);
  await assertNoProcess(a, 3_000);
});
