'use strict';

// nx#36107: a single 502 made a green run of 52 projects exit with 1.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { respondWith, on, onFirst, onReadOf } = require('../kit/http-faults');
const { build, runNx, tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

const badGateway = respondWith(
  502,
  { 'content-type': 'text/html' },
  '<h1>502</h1>',
);

quickTest('F02_502_on_everything', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = on('all', badGateway);
  await assertUndisturbed(machine('a'), { line: /remote cache .*502/ });
});

quickTest('F02_a_single_502_is_retried', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = onFirst('PUT', badGateway);
  await assertUndisturbed(machine('a'), { line: null });
  const stored = recorder.take().filter((request) => request === 'PUT 201');
  assert.equal(stored.length, tasks.length);

  const b = machine('b');
  let gets = 0;
  recorder.fault = onReadOf('local', (exchange) =>
    ++gets === 1 ? badGateway(exchange) : exchange.pass(),
  );
  await assertUndisturbed(b, { line: null, status: 'remote-cache-hit' });
});

quickTest('F02_503_with_Retry-After_of_a_second_is_waited_for', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  const b = machine('b');
  const busy = respondWith(503, {
    'retry-after': '1',
    'x-ms-error-code': 'ServerBusy',
  });
  let gets = 0;
  recorder.fault = onReadOf('local', (exchange) =>
    ++gets === 1 ? busy(exchange) : exchange.pass(),
  );
  await assertUndisturbed(b, { line: null, status: 'remote-cache-hit' });
});

fullTest('F02_503_with_Retry-After_of_an_hour_is_not_waited_for', async (t) => {
  const { machine, recorder } = await startFixture(t);
  recorder.fault = on('all', respondWith(503, { 'retry-after': '3600' }));
  await assertUndisturbed(machine('a'), { line: /remote cache .*503/ });
});

/** @type {Record<string, [number, Record<string, string>?, string?]>} */
const errors = {
  408: [408],
  429: [429, { 'retry-after': '1' }],
  500: [500, { 'x-ms-error-code': 'InternalError' }],
  '502_of_a_gateway': [502, { 'content-type': 'text/html' }, '<h1>Bad'],
  '503_with_Retry-After': [
    503,
    { 'retry-after': '1', 'x-ms-error-code': 'ServerBusy' },
  ],
  504: [504],
};

for (const [name, args] of Object.entries(errors)) {
  for (const method of /** @type {const} */ (['GET', 'PUT', 'all'])) {
    fullTest(`F02_${name}_on_${method}`, async (t) => {
      const { machine, recorder } = await startFixture(t);
      recorder.fault = on(method, respondWith(...args));
      await assertUndisturbed(machine('a'), {
        line: new RegExp(`remote cache .*${args[0]}`),
      });
      // Each task is read from two scopes and written to one. Each request is sent three
      // times at most.
      const failed = recorder
        .take()
        .filter((request) => request.endsWith(` ${args[0]}`));
      const gets = failed.filter((request) => request.startsWith('GET'));
      assert.ok(gets.length <= 2 * tasks.length * 3, failed.join());
      assert.ok(failed.length - gets.length <= tasks.length * 3, failed.join());
    });
  }
}
