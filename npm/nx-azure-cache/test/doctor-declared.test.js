'use strict';

// Whether the next installation keeps this package: what doctor reports of package.json and
// the lockfile. The launcher runs from a folder outside the workspace, as with npx.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { version } = require('../package.json');
const { Workspace, ourName } = require('./doctor-fixture');

/** @import { TestContext } from 'node:test' */

const add = `npx nx add ${ourName}@npm:nx-azure-cache`;

/**
 * A workspace whose package.json has this package in a version, and its package-lock.json
 * another one.
 *
 * @param {TestContext} t
 * @param {{ spec: string, locked: object, shim?: boolean }} options
 */
function workspaceWith(t, { spec, locked, shim = true }) {
  const workspace = new Workspace(t, { shim });
  const devDependencies = { [ourName]: spec };
  workspace.write('package.json', JSON.stringify({ devDependencies }));
  const packages = { [`node_modules/${ourName}`]: locked };
  workspace.write('package-lock.json', JSON.stringify({ packages }, null, 2));
  return workspace;
}

describe('doctor compares package.json and the lockfile', () => {
  const ours = { name: 'nx-azure-cache', version };

  test('with the alias', (t) => {
    const spec = `npm:nx-azure-cache@${version}`;
    const rows = workspaceWith(t, { spec, locked: ours }).examine();
    rows.assert('declared', 'ok', `${ourName} as ${spec}`);
    rows.assert('locked', 'ok', 'package-lock.json has nx-azure-cache');
  });

  test('after nx migrate: without the alias, before the installation', (t) => {
    const rows = workspaceWith(t, { spec: '0.1.1', locked: ours }).examine();
    rows.assert('loaded', 'ok');
    rows.assert('declared', 'warning', `${ourName} 0.1.1, without the`, add);
    rows.assert('locked', 'ok');
    assert.deepEqual(rows.failed, []);
  });

  test('after nx migrate: another package is installed', (t) => {
    const locked = { version: '0.1.1', resolved: 'https://x/a-0.1.1.tgz' };
    const options = { spec: '0.1.1', locked, shim: false };
    const workspace = workspaceWith(t, options);
    workspace.install(ourName, { version: '0.1.1' });
    const rows = workspace.examine();
    assert.deepEqual(rows.failed, ['loaded', 'declared', 'locked']);
    const fixes = rows.rows.flatMap(({ status, fix }) =>
      status === 'failed' ? [fix] : [],
    );
    assert.deepEqual(fixes, [add, add, add]);
  });

  test('npx fetched this package, but no Nx, and runs it in a subfolder', (t) => {
    const locked = { version: '0.1.1', resolved: 'https://x/a-0.1.1.tgz' };
    const options = { spec: '0.1.1', locked, shim: false };
    const workspace = workspaceWith(t, options);
    workspace.install(ourName, { version: '0.1.1' });
    const folder = path.dirname(path.dirname(workspace.launcher));
    fs.rmSync(path.join(folder, '..', 'nx'));
    workspace.write('packages/a/x', '');
    workspace.cwd = path.join(workspace.root, 'packages', 'a');
    const rows = workspace.examine();
    assert.deepEqual(rows.failed, ['loaded', 'declared', 'locked']);
    rows.assert('nx', 'ok', '24.');
  });

  test('the lockfile alone has another package', (t) => {
    const spec = `npm:nx-azure-cache@${version}`;
    const locked = { version: '0.1.1' };
    const rows = workspaceWith(t, { spec, locked }).examine();
    rows.assert('declared', 'ok');
    rows.assert('locked', 'warning', 'package-lock.json has another', add);
  });

  test('the alias package of a private registry needs no alias', (t) => {
    const locked = { version, dependencies: { 'nx-azure-cache': version } };
    const options = { spec: `^${version}`, locked, shim: false };
    const workspace = workspaceWith(t, options);
    workspace.install(ourName, locked);
    workspace.write(`node_modules/${ourName}/main.js`, '');
    const rows = workspace.examine();
    assert.ok(!rows.has('declared'));
    rows.assert('locked', 'ok');
  });

  test('a folder may have any name', (t) => {
    const locked = { resolved: '../fork', link: true };
    const rows = workspaceWith(t, { spec: 'file:../fork', locked }).examine();
    assert.ok(!rows.has('declared') && !rows.has('locked'));
  });

  test('says nothing of files that do not name the package', (t) => {
    const rows = new Workspace(t).examine();
    assert.ok(!rows.has('declared') && !rows.has('locked'));
  });

  test('Yarn needs a version behind the alias', (t) => {
    const workspace = workspaceWith(t, { spec: '0.1.1', locked: ours });
    workspace.write('yarn.lock', '');
    const fix = `yarn add --dev ${ourName}@npm:nx-azure-cache@latest`;
    workspace.examine().assert('declared', 'warning', fix);
  });
});
