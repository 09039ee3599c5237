'use strict';

// With maxCacheSize, Nx evicts results that wait for their upload.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { on } = require('../kit/http-faults');
const { outputs: readOutputs } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');
const { fullTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

const projects = Array.from({ length: 14 }, (_, i) => `p${i}`);

fullTest('evicted_results_are_counted_in_one_line', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  recorder.fault = on('PUT', async ({ pass }) => {
    await sleep(1_500);
    pass();
  });
  const a = machine('a');
  const nxJson = path.join(a.workspace, 'nx.json');
  const settings = JSON.parse(fs.readFileSync(nxJson, 'utf8'));
  settings.maxCacheSize = '2MB';
  fs.writeFileSync(nxJson, JSON.stringify(settings));
  for (const project of projects) addProject(a.workspace, project);

  /** @type {Record<string, string> | undefined} */
  let outputs;
  const lines = await assertUndisturbed(a, {
    args: ['run-many', '--target=build', `--projects=${projects}`],
    line: /results? (was|were) not stored: Nx deleted their outputs from its cache first; if that cache is full, raise maxCacheSize in nx\.json/,
    status: null,
    get outputs() {
      return (outputs ??= readOutputs(a));
    },
  });
  const [, count] = /(\d+) results? w/.exec(lines.at(-1) ?? '') ?? [];
  const blobs = await listBlobs(shared().azurite, container);
  t.diagnostic(`${blobs.length} stored, ${count} evicted`);
  assert.equal(blobs.length + Number(count), projects.length);
  assert.equal(Object.keys(outputs ?? {}).length > projects.length, true);
});

/**
 * Adds a project whose build writes 600 KB.
 *
 * @param {string} workspace
 * @param {string} name
 */
function addProject(workspace, name) {
  fs.mkdirSync(path.join(workspace, name));
  const command = `node -e "const fs=require('fs');fs.mkdirSync('dist/${name}',{recursive:true});fs.writeFileSync('dist/${name}/a',require('crypto').randomBytes(600000))"`;
  fs.writeFileSync(
    path.join(workspace, name, 'project.json'),
    JSON.stringify({ name, targets: { build: { command } } }),
  );
}
