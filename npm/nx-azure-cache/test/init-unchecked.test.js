'use strict';

// init without the binary: it writes nx.json unchecked, and reports that.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { runCheck } = require('../generators/init/config-check');
const {
  COMPLETE,
  LICENSED,
  MODES,
  azure,
  binary,
  init,
  workspace,
} = require('./init-fixture');

/** @type {import('../generators/init/config-check').Check} */
const missing = () => {
  throw new Error('the package @nx-azure-cache/x is not installed');
};
const unchecked =
  'The settings and the credential were not checked: the package @nx-azure-cache/x is not installed.';

test('writes the options and reports in one line what it did not check', async (t) => {
  const { text, output } = await init(workspace(t, {}), COMPLETE, {
    check: missing,
  });
  assert.deepEqual(azure(text), { ...COMPLETE, ...MODES });
  assert.equal(output, unchecked);
});

test('asks for the keys that the block lacks', async (t) => {
  const { text, asked, output } = await init(
    workspace(t, {}),
    {},
    { check: missing, answers: ['nxcache', ''] },
  );
  assert.deepEqual(azure(text), { container: 'nxcache', ...MODES });
  assert.equal(asked.length, 2);
  assert.ok(output.startsWith(unchecked));
  assert.match(output, /- Fill in "accountName" in/);
});

test('still neither writes nor prints possible secrets', async (t) => {
  for (const secret of [
    'AccountKey=aHVz',
    'x8Q~aHVzaC1odXNo.client-secret',
    'aHVzaC1odXNo'.repeat(7),
  ]) {
    for (const options of [{ container: secret }, { include: [secret] }]) {
      const tree = workspace(t, {});
      await assert.rejects(
        init(tree, options, { check: missing }),
        /^Error: --\w+ may be a secret, which must not be in nx\.json$/,
      );
      assert.deepEqual(tree.listChanges(), []);
    }
  }
});

test('reports a binary that cannot be run, and another program', async (t) => {
  for (const [program, why] of /** @type {const} */ ([
    [`${binary}-missing`, /not checked: cannot run .*ENOENT/],
    [process.execPath, /not checked: .* config check exited with code \d+/],
  ])) {
    const { output } = await init(workspace(t, {}), COMPLETE, {
      check: (block) => runCheck(program, block, LICENSED),
    });
    assert.match(output, why);
  }
});
