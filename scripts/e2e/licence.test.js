'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const {
  assertUndisturbed,
  build,
  licence,
  runNx,
  startWorld,
} = require('./world');

/** @type {{ name: string, token: string, line: RegExp }[]} */
const licences = [
  {
    name: 'no licence',
    token: '',
    line: /the remote cache is off: no licence found: set NX_POWERPACK_LICENSE .*license\.ini/,
  },
  {
    name: 'an expired licence',
    token: licence('expired'),
    line: /the remote cache is off: the licence in NX_POWERPACK_LICENSE expired on 20\d\d-\d\d-\d\d \(\d+ days ago\)/,
  },
  {
    name: 'a licence that begins later',
    token: licence('not-yet-valid'),
    line: /the remote cache is off: the licence in NX_POWERPACK_LICENSE .*21\d\d-\d\d-\d\d/,
  },
  {
    name: 'a licence for something else',
    token: licence('wrong-feature'),
    line: /the remote cache is off: the licence in NX_POWERPACK_LICENSE .*self-hosted-cache/,
  },
  {
    name: 'a licence of somebody else',
    token: licence('other-issuer'),
    line: /the remote cache is off: the licence in NX_POWERPACK_LICENSE .*(issuer|key)/,
  },
  {
    name: 'a malformed licence',
    token: licence('not-a-jwt'),
    line: /the remote cache is off: the licence in NX_POWERPACK_LICENSE is malformed/,
  },
];

for (const { name, token, line } of licences) {
  test(`${name}: local cache only`, async (t) => {
    const { machine, recorder } = await startWorld(t);
    const env = { NX_POWERPACK_LICENSE: token };
    await assertUndisturbed(machine('a', { env }), line);
    assert.deepEqual(recorder.take(), []);
  });
}

test('the licence is found in the workspace', async (t) => {
  const { machine, recorder } = await startWorld(t);
  const a = machine('a', { env: { NX_POWERPACK_LICENSE: '' } });
  const file = path.join(a.workspace, '.nx', 'powerpack', 'license.ini');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${licence('valid')}\n`);
  assert.deepEqual(await runNx(a, build), []);
  assert.ok(recorder.take().includes('PUT 201'));
});
