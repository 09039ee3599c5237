'use strict';

// Which package Nx loads, and the settings and packages that keep it from loading ours.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { version } = require('../package.json');
const { Workspace, before, oldSource, ourName } = require('./doctor-fixture');

describe('doctor finds what Nx loads', () => {
  test('ours, under its alias', (t) => {
    const rows = new Workspace(t).examine();
    assert.deepEqual(rows.failed, []);
    rows.assert('loaded', 'ok', `nx-azure-cache ${version} as ${ourName}`);
    rows.assert('shadows', 'ok', 'none of the 7 packages');
    rows.assert('nx-cloud', 'ok', 'not connected');
    rows.assert('switches', 'ok');
    rows.assert('nx', 'ok', '24.');
    rows.assert('node', 'ok', process.version);
    rows.assert('npm-package', 'ok', version);
    rows.assert('platform-package', 'warning', 'NX_AZURE_CACHE_BINARY');
  });

  test('the alias package for private registries', (t) => {
    const workspace = new Workspace(t, { shim: false });
    workspace.install(ourName, {
      version,
      dependencies: { 'nx-azure-cache': version },
    });
    workspace.write(
      `node_modules/${ourName}/main.js`,
      'exports.getRemoteCache = () => {}',
    );
    workspace.write(
      'node_modules/nx-azure-cache/package.json',
      JSON.stringify({ name: 'nx-azure-cache', version, main: 'x.js' }),
    );
    workspace.write('node_modules/nx-azure-cache/x.js', '');
    const rows = workspace.examine();
    assert.deepEqual(rows.failed, []);
    rows.assert('loaded', 'ok', `${ourName} ${version}`);
    workspace.write(
      'node_modules/nx-azure-cache/package.json',
      JSON.stringify({
        name: 'nx-azure-cache',
        version: '8.8.8',
        main: 'x.js',
      }),
    );
    workspace.examine().assert('npm-package', 'failed', '8.8.8');
  });

  test('nothing', (t) => {
    const rows = new Workspace(t, { shim: false }).examine();
    rows.assert(
      'loaded',
      'failed',
      'is not installed',
      `npx nx add ${ourName}@npm:nx-azure-cache`,
    );
  });

  test('nothing, and how this package manager adds it', (t) => {
    const workspace = new Workspace(t, { shim: false });
    workspace.write('pnpm-lock.yaml', '');
    workspace
      .examine()
      .assert(
        'loaded',
        'failed',
        `pnpm exec nx add ${ourName}@npm:nx-azure-cache`,
      );
  });

  test("the package of Nx's makers", (t) => {
    const workspace = new Workspace(t, { shim: false });
    workspace.install(ourName);
    const rows = workspace.examine();
    rows.assert(
      'loaded',
      'failed',
      `${ourName} 3.1.4`,
      'not nx-azure-cache',
      'nx add',
    );
    assert.deepEqual(rows.failed, ['loaded']);
  });

  test('ours in another version', (t) => {
    const workspace = new Workspace(t, { shim: false });
    workspace.install(ourName, { name: 'nx-azure-cache', version: '9.9.9' });
    workspace.write(
      `node_modules/${ourName}/main.js`,
      'exports.getRemoteCache = () => {}',
    );
    workspace.examine().assert('npm-package', 'failed', '9.9.9');
  });

  for (const [what, text] of Object.entries({
    'throws when it is loaded': "throw new Error('a dependency is gone')",
    'exports nothing': '',
  })) {
    test(`ours, which ${what}`, (t) => {
      const workspace = new Workspace(t, { shim: false });
      workspace.install(ourName, { name: 'nx-azure-cache', version });
      workspace.write(`node_modules/${ourName}/main.js`, text);
      workspace
        .examine()
        .assert('loaded', 'failed', 'cannot be loaded', 'npm install');
    });
  }

  test('ours, half installed', (t) => {
    const workspace = new Workspace(t, { shim: false });
    workspace.install(ourName, { name: 'nx-azure-cache', version });
    fs.rmSync(path.join(workspace.ours, 'main.js'));
    workspace
      .examine()
      .assert('loaded', 'failed', 'cannot be loaded (MODULE_NOT_FOUND)');
  });
});

test('doctor finds our package in a workspace without package.json', (t) => {
  const workspace = new Workspace(t, { shim: false });
  const modules = path.join(workspace.root, '.nx', 'installation');
  fs.mkdirSync(modules, { recursive: true });
  fs.renameSync(workspace.modules, path.join(modules, 'node_modules'));
  workspace.modules = path.join(modules, 'node_modules');
  // Node.js resolves Nx's dependencies from Nx's real path.
  fs.rmSync(path.join(workspace.modules, 'nx'));
  const nx = path.join(workspace.modules, 'nx');
  fs.mkdirSync(path.join(nx, 'src', 'tasks-runner'), { recursive: true });
  fs.writeFileSync(
    path.join(nx, 'package.json'),
    JSON.stringify({ name: 'nx', version: '20.7.2' }),
  );
  fs.writeFileSync(path.join(nx, 'src/tasks-runner/cache.js'), oldSource);
  const ours = path.join(workspace.modules, ourName);
  fs.mkdirSync(path.dirname(ours), { recursive: true });
  fs.symlinkSync(path.join(path.dirname(workspace.launcher), '..'), ours);
  const rows = workspace.examine();
  rows.assert('nx', 'ok', '20.7.2 (.nx/installation/node_modules/nx)');
  rows.assert('loaded', 'ok', ourName);
});

describe('doctor finds what comes before ours', () => {
  for (const name of before) {
    test(name, (t) => {
      const workspace = new Workspace(t);
      workspace.install(name);
      const rows = workspace.examine();
      rows.assert(
        'shadows',
        'failed',
        `${name} 3.1.4`,
        'tries it first',
        `npm uninstall ${name}`,
      );
      rows.assert('loaded', 'ok', ourName);
      assert.deepEqual(rows.failed, ['shadows']);
    });
  }

  test('several packages, in the order in which Nx tries them', (t) => {
    const workspace = new Workspace(t);
    workspace.write('yarn.lock', '');
    for (const name of [before[6], before[0]]) workspace.install(name);
    const rows = workspace.examine();
    const seen = rows.rows.filter(({ id }) => id === 'shadows');
    assert.deepEqual(
      seen.map(({ fix }) => fix),
      [`yarn remove ${before[0]}`, `yarn remove ${before[6]}`],
    );
  });

  test('but no package that is half installed or comes after ours', (t) => {
    const workspace = new Workspace(t);
    workspace.install(before[0]);
    fs.rmSync(path.join(workspace.modules, before[0], 'main.js'));
    workspace.install('@nx/other-cache');
    assert.deepEqual(workspace.examine().failed, []);
  });

  test('only packages that this Nx tries', (t) => {
    const workspace = new Workspace(t);
    workspace.useNx('20.7.2', oldSource);
    workspace.install('@nx/s3-cache');
    workspace.install('@nx/azure-cache');
    const rows = workspace.examine({ NX_SKIP_REMOTE_CACHE: 'true' });
    assert.deepEqual(rows.failed, []);
    rows.assert('nx', 'ok', '20.7.2');
    workspace.install('@nx/powerpack-s3-cache');
    workspace.examine().assert('shadows', 'failed', '@nx/powerpack-s3-cache');
  });

  test('ours under another name that Nx tries', (t) => {
    const workspace = new Workspace(t, { shim: false });
    fs.symlinkSync(
      path.join(path.dirname(workspace.launcher), '..'),
      path.join(workspace.modules, '@nx', 'azure-cache'),
    );
    const rows = workspace.examine();
    rows.assert('loaded', 'ok', 'as @nx/azure-cache');
    assert.deepEqual(rows.failed, []);
  });

  /** @type {{ name: string, nxJson?: object, env?: NodeJS.ProcessEnv, says: string }[]} */
  const clouds = [
    {
      name: 'nxCloudId',
      nxJson: { nxCloudId: 'TOPSECRET' },
      says: 'nxCloudId in nx.json',
    },
    {
      name: 'nxCloudAccessToken',
      nxJson: { nxCloudAccessToken: 'TOPSECRET' },
      says: 'nxCloudAccessToken in nx.json',
    },
    {
      name: 'a token',
      env: { NX_CLOUD_ACCESS_TOKEN: 'TOPSECRET' },
      says: 'NX_CLOUD_ACCESS_TOKEN',
    },
    {
      name: 'a runner',
      nxJson: { tasksRunnerOptions: { default: { runner: 'nx-cloud' } } },
      says: 'tasksRunnerOptions',
    },
  ];
  for (const { name, nxJson, env, says } of clouds) {
    test(`Nx Cloud, by ${name}`, (t) => {
      const rows = new Workspace(t, { nxJson }).examine(env);
      rows.assert('nx-cloud', 'failed', says, 'neverConnectToCloud');
      assert.ok(!JSON.stringify(rows).includes('TOPSECRET'));
      assert.deepEqual(rows.failed, ['nx-cloud']);
    });

    test(`accepts Nx Cloud disabled by ${name}`, (t) => {
      const off = new Workspace(t, {
        nxJson: { ...nxJson, neverConnectToCloud: true },
      });
      off.examine(env).assert('nx-cloud', 'ok', 'neverConnectToCloud');
      const on = new Workspace(t, { nxJson });
      on.examine({ ...env, NX_NO_CLOUD: 'true' }).assert(
        'nx-cloud',
        'ok',
        'NX_NO_CLOUD',
      );
    });
  }

  for (const name of [
    ...['NX_SKIP_REMOTE_CACHE', 'NX_DISABLE_REMOTE_CACHE'],
    ...['NX_SKIP_NX_CACHE', 'NX_DISABLE_NX_CACHE'],
  ]) {
    test(name, (t) => {
      const workspace = new Workspace(t);
      const rows = workspace.examine({ [name]: 'true' });
      rows.assert('switches', 'failed', name, `unset ${name}`);
      assert.deepEqual(workspace.examine({ [name]: 'false' }).failed, []);
    });
  }

  test('a variable in a .env file, which Nx reads', (t) => {
    const workspace = new Workspace(t);
    workspace.write('.env.local', 'NX_SKIP_REMOTE_CACHE=true\n');
    workspace
      .examineByLauncher()
      .assert('switches', 'failed', 'NX_SKIP_REMOTE_CACHE');
  });

  test('options of the task runner', (t) => {
    const nxJson = {
      tasksRunnerOptions: { default: { options: { skipNxCache: true } } },
    };
    new Workspace(t, { nxJson })
      .examine()
      .assert('switches', 'failed', 'skipNxCache');
  });

  test('a custom task runner', (t) => {
    const nxJson = {
      tasksRunnerOptions: { default: { runner: 'nx-remotecache-azure' } },
    };
    const workspace = new Workspace(t, { nxJson });
    workspace
      .examine()
      .assert(
        'runner',
        'warning',
        'nx-remotecache-azure',
        'is ignored by Nx 24',
      );
    workspace.useNx('20.7.2', oldSource);
    workspace.examine().assert('runner', 'warning', 'runs the tasks');
  });

  test('the file cache of Nx 20', (t) => {
    const workspace = new Workspace(t, { nxJson: { useLegacyCache: true } });
    assert.ok(!workspace.examine().has('legacy-cache'));
    workspace.useNx('20.7.2', oldSource);
    workspace.examine().assert('legacy-cache', 'failed', 'useLegacyCache');
  });

  test("Nx's own HTTP cache, without its URL", (t) => {
    const env = {
      NX_SELF_HOSTED_REMOTE_CACHE_SERVER: 'https://a:TOPSECRET@example.invalid',
    };
    const rows = new Workspace(t).examine(env);
    rows.assert('http-cache', 'warning', 'NX_SELF_HOSTED_REMOTE_CACHE_SERVER');
    assert.ok(!JSON.stringify(rows).includes('TOPSECRET'));
  });
});
