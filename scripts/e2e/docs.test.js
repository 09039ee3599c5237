'use strict';

// Follows the README and docs/setup.md as a reader does, with the commands as printed.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { blocks, read } = require('../docs/pages');
const { createContainer, emptyContainer } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { testLicense } = require('../kit/license');
const { Machine, copyWorkspace } = require('../kit/machine');
const { emptyWorkspace, shared } = require('../kit/shared');
const { quickTest: test } = require('../kit/tests');

/**
 * The only block of a page with a string in it.
 *
 * @param {string} page
 * @param {string} language
 * @param {string} part
 */
function block(page, language, part) {
  const found = blocks(read(page), language).filter((code) =>
    code.includes(part),
  );
  assert.equal(found.length, 1, `${page} has ${found.length} blocks: ${part}`);
  return found[0];
}

test('the commands of the README and of docs/setup.md work as printed', async (t) => {
  const { folder, recorder } = await startFixture(t);
  await createContainer(shared().azurite, 'nxcache').catch(() =>
    emptyContainer(shared().azurite, 'nxcache'),
  );
  const reader = new Machine(path.join(folder, 'reader'), {
    AZURE_STORAGE_CONNECTION_STRING: recorder.connectionString,
  });
  const from = await emptyWorkspace(shared());
  copyWorkspace(path.join(from, 'workspace'), reader.workspace);
  /** @param {string} code @param {string} flags of the shell */
  const shell = (code, flags = '-ec') => reader.run('bash', [flags, code]);

  const [add, init, doctor, ...others] = block('README.md', 'sh', 'nx add')
    .trim()
    .split('\n');
  assert.deepEqual(others, []);
  for (const command of [add, init]) {
    const { code, output } = await shell(command);
    assert.equal(code, 0, output);
  }
  const { output: missing } = await shell(doctor, '-c');
  assert.match(missing, /no license found/);

  const setup = (/** @type {string} */ part) =>
    shell(block('docs/setup.md', 'sh', part));
  const again = await setup(':init');
  assert.equal(again.code, 0, again.output);
  const { azure } = JSON.parse(
    fs.readFileSync(path.join(reader.workspace, 'nx.json'), 'utf8'),
  );
  const shown = JSON.parse(block('docs/setup.md', 'json', '"localMode"'));
  assert.deepEqual(azure, shown.azure);

  const activate = block('docs/setup.md', 'sh', ':activate');
  const status = await shell(activate.replace('eyJ…', testLicense('valid')));
  assert.equal(status.code, 0, status.output);
  assert.match(status.output, /license\.ini +valid, used/);

  recorder.take();
  const { code, output } = await setup('npx nx reset');
  assert.equal(code, 0, output);
  assert.ok(recorder.take().includes('PUT 201'));
  assert.match(output, /\[remote cache\]/);
  assert.match(
    output,
    /^nx-azure-cache: \d+ hits(?: saved [^,]+)?, 0 misses, 0 stored, \S+ \w+ read, 0 B written, \S+ s waited, read-write, scope local \(.*\), http.*\/nxcache/m,
  );

  const { output: report } = await shell(doctor, '-c');
  assert.match(report, /The remote cache works here/);
  assert.doesNotMatch(report, /^ +failed /m);
});
