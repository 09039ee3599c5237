'use strict';

// Some commands run tasks many times in one process, and open a cache each time. With one
// server for each cache, `nx release publish` of 12 groups had 12 servers at once.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { summary } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');
const { recordCalls } = require('./nx-calls');
const { assertNothingLeft } = require('./undisturbed');

/** @import { Machine } from '../kit/machine' */

const groups = 12;

/**
 * Creates a workspace of release groups with one project each. Publishing a project is a cached
 * task.
 *
 * @param {Machine} machine
 */
function writeGroups({ workspace }) {
  for (const name of ['colors', 'site', 'words']) {
    fs.rmSync(path.join(workspace, name), { recursive: true });
  }
  const names = Array.from({ length: groups }, (_, i) => `p${i}`);
  for (const name of names) {
    const folder = path.join(workspace, 'many', name);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ name, version: '1.0.0' }),
    );
    const publish = {
      command: `mkdir -p dist/${name} && echo published > dist/${name}/receipt`,
      cache: true,
      outputs: ['{workspaceRoot}/dist/{projectName}'],
    };
    fs.writeFileSync(
      path.join(folder, 'project.json'),
      JSON.stringify({ name, targets: { 'nx-release-publish': publish } }),
    );
  }
  const file = path.join(workspace, 'nx.json');
  const nxJson = JSON.parse(fs.readFileSync(file, 'utf8'));
  // Nx requires a VersionActions, but publishing does not use it.
  fs.writeFileSync(
    path.join(workspace, 'tools', 'version-actions.js'),
    `const { VersionActions } = require('nx/release');
    exports.default = class extends VersionActions {
      validManifestFilenames = null;
    };`,
  );
  nxJson.release = {
    version: { versionActions: './tools/version-actions.js' },
    groups: Object.fromEntries(
      names.map((name) => [`group-${name}`, { projects: [name] }]),
    ),
  };
  fs.writeFileSync(file, JSON.stringify(nxJson));
}

/**
 * Counts the servers in a trace: each is initialized once.
 *
 * @param {string} trace
 */
const serversIn = (trace) =>
  fs
    .readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line && JSON.parse(line).message.method === 'initialize')
    .length;

/**
 * Asserts that a run has one server for all its caches, and prints one line, which `check`
 * checks.
 *
 * @param {Machine} machine
 * @param {() => ReturnType<Machine['run']>} run
 * @param {(line: string) => unknown} check
 */
async function assertOneServer(machine, run, check) {
  const trace = path.join(path.dirname(machine.home), 'home', 'trace');
  machine.env.NX_AZURE_CACHE_TRACE = trace;
  fs.rmSync(trace, { force: true });
  const spy = recordCalls(machine);
  const before = spy.calls('getRemoteCache').length;
  const result = await run();
  assert.equal(result.code, 0, result.output);
  assert.equal(spy.calls('getRemoteCache').length - before, groups);
  assert.equal(serversIn(trace), 1);
  const ours = result.output.match(/^nx-azure-cache: .*$/gm) ?? [];
  assert.equal(ours.length, 1, result.output);
  assert.match(ours[0], summary);
  check(ours[0]);
  await assertNothingLeft(machine);
}

fullTest('many-caches_nx_release_publish', async (t) => {
  const { machine: makeMachine } = await startFixture(t);
  for (const [name, expected] of /** @type {const} */ ([
    ['a', /: 0 hits, 12 misses, 12 stored, /],
    ['b', /: 12 hits(?: saved [^,]+)?, 0 misses, 0 stored, /],
  ])) {
    const machine = makeMachine(name);
    writeGroups(machine);
    await assertOneServer(
      machine,
      () => machine.nx(['release', 'publish'], { env: onMain }),
      (line) => assert.match(line, expected),
    );
    const folders = fs.readdirSync(path.join(machine.workspace, 'dist'));
    assert.equal(folders.length, groups);
  }
});
