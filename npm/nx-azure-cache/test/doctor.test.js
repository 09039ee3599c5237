'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { version } = require('../package.json');
const {
  copyShim,
  environment,
  installed,
  root,
  shim,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');

/** @import { TestContext } from 'node:test' */
/** @import { Row } from '../lib/doctor/rows' */

const ourName = '@nx/powerpack-azure-cache';

/** What Nx 24 asks for before ours. */
const before = [
  '@nx/s3-cache',
  '@nx/powerpack-s3-cache',
  '@nx/shared-fs-cache',
  '@nx/powerpack-shared-fs-cache',
  '@nx/gcs-cache',
  '@nx/powerpack-gcs-cache',
  '@nx/azure-cache',
];

/** The source of a cache.js that asks for packages as Nx until 20.7 did. */
const oldSource = `
  class DbCache {
    isOld() { return nxJson.useLegacyCache; }
    s3() { return this.getPowerpackCache('@nx/powerpack-s3-cache'); }
    azure() { return this.getPowerpackCache('@nx/powerpack-azure-cache'); }
  }`;

/**
 * A workspace with a copy of the shim under the name that Nx asks for, and
 * packages that would say so if they were run.
 */
class Workspace {
  /**
   * @param {TestContext} t
   * @param {{ nxJson?: object, shim?: boolean }} [options]
   */
  constructor(t, { nxJson = {}, shim: hasShim = true } = {}) {
    this.root = temporaryFolder(t);
    this.modules = path.join(this.root, 'node_modules');
    fs.mkdirSync(this.modules);
    this.write('nx.json', JSON.stringify(nxJson));
    this.write('package.json', '{}');
    fs.symlinkSync(installed.nx, path.join(this.modules, 'nx'));
    const copy = copyShim(t, installed);
    /** The launcher, where it is installed. */
    this.launcher = path.join(copy, 'bin', 'nx-azure-cache.js');
    this.ours = path.join(this.modules, ourName);
    fs.mkdirSync(path.dirname(this.ours), { recursive: true });
    if (hasShim) fs.symlinkSync(copy, this.ours);
    this.binary = path.join(temporaryFolder(t), 'binary');
    // Shows what it is told of the workspace.
    writeExecutable(
      this.binary,
      '#!/bin/sh\nprintf "%s" "$NX_AZURE_CACHE_WORKSPACE"; exit 7\n',
    );
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  write(name, text) {
    const file = path.join(this.root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }

  /**
   * Installs a package that must not be run.
   *
   * @param {string} name
   * @param {object} [manifest]
   */
  install(name, manifest = {}) {
    const folder = `node_modules/${name}`;
    this.write(
      `${folder}/package.json`,
      JSON.stringify({ name, version: '3.1.4', main: 'main.js', ...manifest }),
    );
    this.write(
      `${folder}/main.js`,
      `require('node:fs').writeFileSync(${JSON.stringify(path.join(this.root, 'ran'))}, '');
       throw new Error('this was run');`,
    );
  }

  /**
   * Replaces Nx by one whose version and cache.js are given.
   *
   * @param {string} version
   * @param {string} source
   */
  useNx(version, source) {
    fs.rmSync(path.join(this.modules, 'nx'));
    this.write(
      'node_modules/nx/package.json',
      JSON.stringify({ name: 'nx', version }),
    );
    this.write('node_modules/nx/src/tasks-runner/cache.js', source);
  }

  /**
   * Runs the launcher.
   *
   * @param {NodeJS.ProcessEnv} [env]
   * @param {...string} flags
   */
  run(env = {}, ...flags) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [this.launcher, 'doctor', ...flags],
      {
        cwd: this.root,
        env: environment(this.root, {
          NX_AZURE_CACHE_BINARY: this.binary,
          ...env,
        }),
        encoding: 'utf8',
        timeout: 60_000,
      },
    );
    assert.ok(!fs.existsSync(path.join(this.root, 'ran')), 'a package was run');
    return { status, stdout, stderr };
  }

  /**
   * The rows that the binary is told.
   *
   * @param {NodeJS.ProcessEnv} [env]
   */
  examine(env) {
    const { status, stdout, stderr } = this.run(env);
    assert.equal(stderr, '');
    assert.equal(status, 7);
    const { launcher } = JSON.parse(stdout);
    assert.equal(launcher.version, version);
    return new Rows(launcher.checks);
  }
}

/** What was found. */
class Rows {
  /** @param {Row[]} rows */
  constructor(rows) {
    this.rows = rows;
  }

  /**
   * Asserts what was found under an ID.
   *
   * @param {string} id
   * @param {Row['status']} status
   * @param {...(string | RegExp)} says in what was seen or in the fix
   */
  assert(id, status, ...says) {
    const rows = this.rows.filter((row) => row.id === id);
    const found = rows.find((row) => row.status === status);
    assert.ok(found, `${id} ${status}: ${JSON.stringify(this.rows, null, 1)}`);
    const text = rows.map(({ seen, fix }) => `${seen}\n${fix}`).join('\n');
    for (const it of says) {
      if (typeof it === 'string') assert.ok(text.includes(it), text);
      else assert.match(text, it);
    }
    if (status === 'failed') assert.ok(found.fix, `${id} says what to do`);
  }

  /** @param {string} id */
  has(id) {
    return this.rows.some((row) => row.id === id);
  }

  /** The IDs of what has failed. */
  get failed() {
    return this.rows.flatMap(({ id, status }) =>
      status === 'failed' ? [id] : [],
    );
  }
}

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

  test('the package made of ours for private registries', (t) => {
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

  test('nothing, and says how this package manager adds it', (t) => {
    const workspace = new Workspace(t, { shim: false });
    workspace.write('pnpm-lock.yaml', '');
    workspace
      .examine()
      .assert('loaded', 'failed', `pnpm nx add ${ourName}@npm:nx-azure-cache`);
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

test('doctor finds ours where Nx is installed without a package.json', (t) => {
  const workspace = new Workspace(t, { shim: false });
  const modules = path.join(workspace.root, '.nx', 'installation');
  fs.mkdirSync(modules, { recursive: true });
  fs.renameSync(workspace.modules, path.join(modules, 'node_modules'));
  workspace.modules = path.join(modules, 'node_modules');
  // Node.js looks for what Nx needs from where Nx really is.
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

describe('doctor finds what is in the way', () => {
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

  test('several, in the order in which Nx asks', (t) => {
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

  test('not what Nx does not load: half installed, or after ours', (t) => {
    const workspace = new Workspace(t);
    workspace.install(before[0]);
    fs.rmSync(path.join(workspace.modules, before[0], 'main.js'));
    workspace.install('@nx/other-cache');
    assert.deepEqual(workspace.examine().failed, []);
  });

  test('only what this Nx asks for', (t) => {
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

  test('ours under another name that Nx asks for', (t) => {
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

  test('a variable in a file .env, which Nx reads', (t) => {
    const workspace = new Workspace(t);
    workspace.write('.env.local', 'NX_SKIP_REMOTE_CACHE=true\n');
    workspace.examine().assert('switches', 'failed', 'NX_SKIP_REMOTE_CACHE');
  });

  test('options of the runner', (t) => {
    const nxJson = {
      tasksRunnerOptions: { default: { options: { skipNxCache: true } } },
    };
    new Workspace(t, { nxJson })
      .examine()
      .assert('switches', 'failed', 'skipNxCache');
  });

  test('a custom runner', (t) => {
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

  test('the cache of files of Nx 20', (t) => {
    const workspace = new Workspace(t, { nxJson: { useLegacyCache: true } });
    assert.ok(!workspace.examine().has('legacy-cache'));
    workspace.useNx('20.7.2', oldSource);
    workspace.examine().assert('legacy-cache', 'failed', 'useLegacyCache');
  });

  test("Nx's own HTTP cache, without what is in its URL", (t) => {
    const env = {
      NX_SELF_HOSTED_REMOTE_CACHE_SERVER: 'https://a:TOPSECRET@example.invalid',
    };
    const rows = new Workspace(t).examine(env);
    rows.assert('http-cache', 'warning', 'NX_SELF_HOSTED_REMOTE_CACHE_SERVER');
    assert.ok(!JSON.stringify(rows).includes('TOPSECRET'));
  });
});

describe('doctor finds versions', () => {
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

  test('an Nx that does not know the slot', (t) => {
    const workspace = new Workspace(t);
    workspace.useNx('19.8.4', "'@nx/powerpack-s3-cache'");
    workspace.examine().assert('loaded', 'failed', 'does not ask');
  });

  test('no Nx', (t) => {
    const workspace = new Workspace(t);
    fs.rmSync(path.join(workspace.modules, 'nx'));
    workspace.examine().assert('nx', 'failed', 'there is none', 'npm install');
  });
});

describe('doctor without a binary', () => {
  const env = { NX_AZURE_CACHE_BINARY: undefined };

  test('says so, and what is known', (t) => {
    const workspace = new Workspace(t);
    const { status, stdout, stderr } = workspace.run(env);
    assert.equal(status, 1);
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /^what Nx loads\n {2}ok {8}Nx Cloud {2,}not connected\n/,
    );
    assert.match(
      stdout,
      /\n {2}failed {4}the binary for .*source checkout.* \[1\]\n/,
    );
    assert.match(stdout, /\nwhat to do:\n {2}\[1\] remove node_modules/);
  });

  test('says so in JSON', (t) => {
    const { status, stdout } = new Workspace(t).run(env, '--json');
    const { checks, exitCode } = JSON.parse(stdout);
    assert.equal(status, 1);
    assert.equal(exitCode, 1);
    new Rows(checks).assert('platform-package', 'failed');
    for (const { status, fails } of checks) {
      assert.equal(fails, status === 'failed');
    }
  });

  test('or with one that cannot be run', (t) => {
    const workspace = new Workspace(t);
    fs.chmodSync(workspace.binary, 0o644);
    const { status, stdout } = workspace.run({}, '--json');
    assert.equal(status, 1);
    new Rows(JSON.parse(stdout).checks).assert('binary', 'failed', 'EACCES');
  });

  test('--security only says what is wrong', (t) => {
    const { status, stdout, stderr } = new Workspace(t).run(env, '--security');
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^nx-azure-cache: this is a source checkout/);
  });
});

test('Ctrl-C reaches the binary, which removes what it has made', async (t) => {
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
  // A terminal sends it to all that run there.
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

test('an nx.json that cannot be read is told with the rest', (t) => {
  const workspace = new Workspace(t);
  workspace.write('nx.json', '{ "azure": ');
  const { stdout } = workspace.run();
  const { problem, launcher } = JSON.parse(stdout);
  assert.match(problem, /^nx\.json cannot be read/);
  new Rows(launcher.checks).assert('loaded', 'ok');
});

test('the generator runs the same, and ends as it does', (t) => {
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
        timeout: 60_000,
      },
    );
    assert.equal(status, 2);
    assert.equal(stdout, `${flags}\n${workspace.root}\n`);
  }
  const schema = path.join(shim, generators.doctor.schema);
  assert.deepEqual(
    Object.keys(JSON.parse(fs.readFileSync(schema, 'utf8')).properties),
    ['security'],
  );
});
