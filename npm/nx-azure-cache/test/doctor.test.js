'use strict';

// What doctor reports about versions and without a binary, and how it runs the binary.

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  environment,
  root,
  packageFolder,
  writeExecutable,
} = require('./fixture');
const { Rows, Workspace, oldSource } = require('./doctor-fixture');
const { patience } = require('../../../scripts/kit/patience');

describe('doctor checks versions', () => {
  for (const [nx, status] of /** @type {const} */ ([
    ['19.8.4', 'failed'],
    ['20.0.5', 'failed'],
    ['20.0.6', 'ok'],
    ['24.9.0-beta.1', 'ok'],
    ['25.0.0', 'warning'],
  ])) {
    test(`Nx ${nx}`, (t) => {
      const workspace = new Workspace(t);
      workspace.useNx(nx, oldSource);
      workspace.examine().assert('nx', status, nx);
    });
  }

  test('an Nx that does not look for this package', (t) => {
    const workspace = new Workspace(t);
    workspace.useNx('19.8.4', "'@nx/powerpack-s3-cache'");
    workspace.examine().assert('loaded', 'failed', 'does not look for');
  });

  test('a missing Nx', (t) => {
    const workspace = new Workspace(t);
    fs.rmSync(path.join(workspace.modules, 'nx'));
    workspace
      .examine()
      .assert('nx', 'failed', 'not installed in', 'npm install');
  });
});

describe('doctor without a binary', () => {
  const env = { NX_AZURE_CACHE_BINARY: undefined };

  test('reports that, and the other rows of its side', (t) => {
    const workspace = new Workspace(t);
    const { status, stdout, stderr } = workspace.run(env);
    assert.equal(status, 1);
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /^The remote cache does not work here: the binary for \S+: .*source checkout.* \[1\]\n\nwhat Nx loads\n {2}ok {8}Nx Cloud {2,}not connected\n/,
    );
    assert.match(
      stdout,
      /\n {2}failed {4}the binary for .*source checkout.* \[1\]\n/,
    );
    assert.match(stdout, /\nwhat to do:\n {2}\[1\] remove node_modules/);
  });

  test('reports that in JSON', (t) => {
    const { status, stdout } = new Workspace(t).run(env, '--json');
    const { checks, exitCode } = JSON.parse(stdout);
    assert.equal(status, 1);
    assert.equal(exitCode, 1);
    new Rows(checks).assert('platform-package', 'failed');
    for (const { status, fails } of checks) {
      assert.equal(fails, status === 'failed');
    }
  });

  test('reports a binary that cannot be run', (t) => {
    const workspace = new Workspace(t);
    fs.chmodSync(workspace.binary, 0o644);
    const { status, stdout } = workspace.run({}, '--json');
    assert.equal(status, 1);
    new Rows(JSON.parse(stdout).checks).assert('binary', 'failed', 'EACCES');
  });

  test('with --security, prints only the error', (t) => {
    const { status, stdout, stderr } = new Workspace(t).run(env, '--security');
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^nx-azure-cache: this is a source checkout/);
  });
});

test('Ctrl-C reaches the binary, which cleans up', async (t) => {
  const workspace = new Workspace(t);
  writeExecutable(
    workspace.binary,
    `#!${process.execPath}
    process.on('SIGINT', () => setTimeout(() => {
      console.log('removed');
      process.exit(2);
    }, 100));
    setInterval(() => {}, 1000);
    console.log('ready');`,
  );
  // A terminal sends the signal to the whole process group.
  const child = spawn(process.execPath, [workspace.launcher, 'doctor'], {
    cwd: workspace.root,
    env: environment(workspace.root, {
      NX_AZURE_CACHE_BINARY: workspace.binary,
    }),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const group = -(/** @type {number} */ (child.pid));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    if (stdout === 'ready\n') process.kill(group, 'SIGINT');
  });
  const [code, signal] = await once(child, 'close');
  assert.deepEqual(
    { code, signal, stdout },
    { code: 2, signal: null, stdout: 'ready\nremoved\n' },
  );
});

test('reports an unreadable nx.json in addition to the other rows', (t) => {
  const workspace = new Workspace(t);
  workspace.write('nx.json', '{ "azure": ');
  const { stdout } = workspace.run();
  const { problem, launcher } = JSON.parse(stdout);
  assert.match(problem, /^nx\.json cannot be read/);
  new Rows(launcher.checks).assert('loaded', 'ok');
});

test('the generator runs the same command and exits with its code', (t) => {
  const workspace = new Workspace(t);
  const { generators } = require('../generators.json');
  const [file, name] = generators.doctor.factory.split('#');
  const factory = path.join(path.dirname(workspace.launcher), '..', file);
  for (const [options, flags] of /** @type {const} */ ([
    ['{}', 'doctor'],
    ['{ "security": true }', 'doctor --security'],
  ])) {
    writeExecutable(workspace.binary, '#!/bin/sh\necho "$@"; pwd; exit 2\n');
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        '-e',
        `require(process.argv[1])[process.argv[2]]({ root: process.argv[3] }, ${options})`,
        factory,
        name,
        workspace.root,
      ],
      {
        cwd: root,
        env: environment(workspace.root, {
          NX_AZURE_CACHE_BINARY: workspace.binary,
        }),
        encoding: 'utf8',
        timeout: patience,
      },
    );
    assert.equal(status, 2);
    assert.equal(stdout, `${flags}\n${workspace.root}\n`);
  }
  const schema = path.join(packageFolder, generators.doctor.schema);
  assert.deepEqual(
    Object.keys(JSON.parse(fs.readFileSync(schema, 'utf8')).properties),
    ['security'],
  );
});
