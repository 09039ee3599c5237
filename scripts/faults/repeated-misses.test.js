'use strict';

// Nx 22.7 and 23.0 look up each pending task at each scheduling step (nx#35632, nx#36301):
// 60 tasks caused 966 calls, and each sent a request.

const assert = require('node:assert/strict');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { respondWith, on } = require('../kit/http-faults');
const { build, outputs, summary } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { outputsOfMany, writeMany } = require('./many-projects');
const { recordCalls } = require('./nx-calls');

/** @import { Machine } from '../kit/machine' */

const projects = 60;

/** The last twenty depend on others. @param {number} i */
const dependenciesOf = (i) => (i < 40 ? [] : [i - 40, i - 20]);

/**
 * Builds in CI, where each result is looked up in one scope.
 *
 * @param {Machine} machine
 * @returns {Promise<{ line: string, maxLookups: number }>} the summary, and how often each
 *   miss may be requested: the server remembers it for 30 s
 */
async function run(machine) {
  writeMany(machine, projects, dependenciesOf);
  const { code, output, took } = await machine.nx(build, { env: onMain });
  assert.equal(code, 0, output);
  assert.deepEqual(outputs(machine), outputsOfMany(projects));
  const ours = output.match(/^nx-azure-cache: .*$/gm) ?? [];
  assert.equal(ours.length, 1, output);
  return { line: ours[0], maxLookups: 1 + Math.floor(took / 30_000) };
}

for (const [name, nx, isRepeating] of /** @type {const} */ ([
  ['Nx_22', '22.7.12', true],
  ['Nx_23.0', '23.0.2', true],
  ['Nx_24', undefined, false],
])) {
  fullTest(`repeated-misses_${name}`, async (t) => {
    const { machine, recorder } = await startFixture(t, { nx });
    const a = machine('a');
    const spy = recordCalls(a);
    const first = await run(a);
    const calls = spy.calls('retrieve').length;
    const gets = recorder.take().filter((text) => text.startsWith('GET'));
    t.diagnostic(`${calls} calls, ${gets.length} requests`);
    if (isRepeating) assert.ok(calls > 3 * projects, 'this Nx repeats nothing');
    assert.ok(gets.length >= projects);
    assert.ok(
      gets.length <= projects * first.maxLookups,
      `${gets.length} requests`,
    );
    assert.match(first.line, summary);
    assert.match(
      first.line,
      /: 0 hits, 60 misses, 60 stored, [^a-z]* [KM]?B read/,
    );

    const second = await run(machine('b'));
    assert.match(
      second.line,
      /: 60 hits(?: saved [^,]+)?, 0 misses, 0 stored, /,
    );
    assert.equal(recorder.take().length, projects);
  });
}

fullTest('repeated-misses_with_a_failing_storage_Nx_22', async (t) => {
  const { machine, recorder } = await startFixture(t, { nx: '22.7.12' });
  recorder.fault = on('GET', respondWith(500));
  const a = machine('a');
  writeMany(a, projects, dependenciesOf);
  const { code, output } = await a.nx(build, { env: onMain });
  assert.equal(code, 0, output);
  const [, failed] = /, (\d+) failed,/.exec(output) ?? [];
  // The failed reads of a hash count once. After them, the cache stores nothing.
  assert.ok(Number(failed) <= 2 * projects, output);
});
