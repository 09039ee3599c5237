'use strict';

// nx#36107: one 502 made a green run of 52 projects exit 1.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { answer, on } = require('./faults');
const { assertUndisturbed, startWorld } = require('./world');

/** @type {Record<string, [number, Record<string, string>?, string?]>} */
const answers = {
  408: [408],
  429: [429, { 'retry-after': '1' }],
  500: [500, { 'x-ms-error-code': 'InternalError' }],
  '502 of a gateway': [502, { 'content-type': 'text/html' }, '<h1>Bad'],
  '503 with Retry-After': [
    503,
    { 'retry-after': '1', 'x-ms-error-code': 'ServerBusy' },
  ],
  504: [504],
};

for (const [name, args] of Object.entries(answers)) {
  for (const method of /** @type {const} */ (['GET', 'PUT', 'all'])) {
    test(`F02_${name}_on_${method}`, async (t) => {
      const { machine, recorder } = await startWorld(t);
      recorder.fault = on(method, answer(...args));
      await assertUndisturbed(machine('a'), {
        line: new RegExp(`remote cache .*${args[0]}`),
      });
      // Three tasks, of which each is tried three times; then it is enough.
      const failed = recorder
        .take()
        .filter((request) => request.endsWith(` ${args[0]}`));
      assert.ok(failed.length <= 2 * 3 * 3, failed.join());
    });
  }
}
