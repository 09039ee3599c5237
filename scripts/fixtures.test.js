'use strict';

// The command line of `npm run fixtures`. Tests in scripts/kit/sessions cover the rest.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe, test } = require('node:test');
const { root } = require('./kit/root');
const { attempt } = require('./kit/run');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-test-'));
after(() => fs.rmSync(folder, { recursive: true }));

/** @param {string[]} args */
const fixtures = (...args) =>
  attempt('node', [path.join(root, 'scripts/fixtures.js'), ...args]);

describe('npm run fixtures', { concurrency: 3 }, () => {
  test('fails every session with a program that is no server', async () => {
    const server = path.join(folder, 'no-server');
    fs.writeFileSync(server, '#!/bin/sh\necho 1.2.3\n', { mode: 0o755 });
    const { code, output } = await fixtures('--server', server, 'initialize');
    assert.equal(code, 1);
    assert.match(
      output,
      /initialize\.session:14: the stream ended \(.*1\.2\.3/,
    );
    assert.match(output, /\n0 passed, 6 failed/);
  });

  /** @type {Record<string, [string[], RegExp]>} */
  const mistakes = {
    'a name that no session has': [
      ['frobnicate'],
      /there are no sessions named frobnicate/,
    ],
    'a missing server': [
      ['--server', path.join(folder, 'nowhere')],
      /there is no .*nowhere/,
    ],
    'a session for the client alone': [
      ['client-junk-words'],
      /these sessions are for the client/,
    ],
    '--race with --server': [['--race', '--server', 'x'], /leave out --server/],
    '--record with a name': [['--record', 'x', 'y'], /--record FILE takes no/],
    'an unknown option': [['--frobnicate'], /frobnicate/],
  };
  for (const [what, [args, message]] of Object.entries(mistakes)) {
    test(`refuses ${what}`, async () => {
      const { code, output } = await fixtures(...args);
      assert.equal(code, 1);
      assert.match(output, message);
    });
  }
});
