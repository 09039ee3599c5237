'use strict';

// nx#28150, #28806: the interface changed between versions of Nx, and runs crashed. These
// tests record the calls of the newest Nx and of 20.8, and our results.

const assert = require('node:assert/strict');
const path = require('node:path');
const { startFixture } = require('../kit/fixture');
const { respondWith, gate, on } = require('../kit/http-faults');
const { build, tasks } = require('../kit/nx-runs');
const { serverOf, signal } = require('../kit/processes');
const { fullTest } = require('../kit/tests');
const { recordCalls } = require('./nx-calls');
const { assertUndisturbed } = require('./undisturbed');

for (const [name, nx] of /** @type {const} */ ([
  ['Nx_24', undefined],
  ['Nx_20.8', '20.8.4'],
])) {
  fullTest(`F28_contract_of_${name}`, async (t) => {
    const { machine } = await startFixture(t, { nx });
    const a = machine('a');
    const first = recordCalls(a);
    await assertUndisturbed(a, { line: null });
    const version = require(
      path.join(a.workspace, 'node_modules/nx/package.json'),
    ).version;
    t.diagnostic(`Nx ${version}`);

    assert.equal(first.calls('getRemoteCache').length, 1);
    const cacheDirectory = a.cacheDirectory();
    const hashes = Object.values(a.lastRun()).map(({ hash }) => hash);
    for (const { args, result } of first.calls('retrieve')) {
      assert.ok(hashes.includes(args[0]));
      assert.deepEqual(args.slice(1), [cacheDirectory]);
      assert.equal(result, null);
    }
    const stores = first.calls('store');
    assert.equal(stores.length, tasks.length);
    for (const { args, result } of stores) {
      const [hash, directory, terminalOutput, code] = args;
      assert.ok(hashes.includes(hash));
      assert.equal(directory, cacheDirectory);
      assert.match(terminalOutput, /built (colors|site|words)/);
      assert.equal(code, 0);
      assert.equal(result, true);
    }

    const b = machine('b');
    const second = recordCalls(b);
    await assertUndisturbed(b, { line: null, status: 'remote-cache-hit' });
    assert.deepEqual(second.calls('store'), []);
    const retrieves = second.calls('retrieve');
    assert.equal(retrieves.length, tasks.length);
    for (const { args, result } of retrieves) {
      const { code, terminalOutput, outputsPath, size, ...more } = result;
      assert.equal(code, 0);
      assert.match(terminalOutput, /built (colors|site|words)/);
      assert.equal(outputsPath, path.join(args[1], args[0]));
      assert.ok(size > 0);
      assert.deepEqual(more, {});
    }
  });

  fullTest(`F28_${name}_with_a_failing_storage`, async (t) => {
    const { machine, recorder } = await startFixture(t, { nx });
    recorder.fault = on('all', respondWith(500));
    await assertUndisturbed(machine('a'), { line: /remote cache/ });
  });

  fullTest(`F28_${name}_with_a_killed_server`, async (t) => {
    const { machine, recorder } = await startFixture(t, { nx });
    const a = machine('a');
    const gets = gate();
    recorder.fault = on('GET', gets.fault);
    const run = assertUndisturbed(a, {
      line: /the cache process was terminated/,
      crashed: true,
    });
    await gets.arrived;
    signal(await serverOf(a), 'SIGKILL');
    await run;
  });

  fullTest(`F28_${name}_with_a_failing_task`, async (t) => {
    const { machine } = await startFixture(t, { nx });
    const a = machine('a');
    require('node:fs').writeFileSync(
      path.join(a.workspace, 'words', 'source.json'),
      'broken',
    );
    const spy = recordCalls(a);
    const { code } = await a.nx(build);
    assert.equal(code, 1);
    const stored = spy.calls('store').map(({ args }) => args[3]);
    assert.deepEqual(stored, [0], 'only colors');
  });
}
