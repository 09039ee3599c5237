'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  environment,
  packageFolder,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */

const launcher = path.join(packageFolder, 'bin', 'nx-azure-cache.js');

/**
 * Runs the launcher with an executable as the binary.
 *
 * @param {TestContext} t
 * @param {string} script of the executable, in sh
 * @param {string[]} [args]
 * @param {string} [input]
 */
function run(t, script, args = [], input = '') {
  const binary = path.join(temporaryFolder(t), 'binary');
  writeExecutable(binary, `#!/bin/sh\n${script}\n`);
  return runBinary(t, binary, args, input);
}

/**
 * @param {TestContext} t
 * @param {string | undefined} binary
 * @param {string[]} [args]
 * @param {string} [input]
 */
function runBinary(t, binary, args = [], input = '') {
  return runIn(temporaryFolder(t), binary, args, { input });
}

/**
 * @param {string} cwd
 * @param {string | undefined} binary
 * @param {string[]} args
 * @param {{ input?: string, file?: string, env?: NodeJS.ProcessEnv }} [options]
 */
function runIn(cwd, binary, args, { input = '', file = launcher, env } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [file, ...args],
    {
      cwd,
      env: environment(cwd, { NX_AZURE_CACHE_BINARY: binary, ...env }),
      input,
      encoding: 'utf8',
      timeout: patience,
    },
  );
  return { status, signal, stdout, stderr };
}

/** Prints the workspace that it receives. */
const printWorkspace =
  'printf "%s" "${NX_AZURE_CACHE_WORKSPACE-nothing}"; exit 7';

/**
 * A folder with an nx.json, and a binary that prints what it receives.
 *
 * @param {TestContext} t
 * @param {Record<string, string>} files
 */
function workspace(t, files) {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  const binary = path.join(temporaryFolder(t), 'binary');
  writeExecutable(binary, `#!/bin/sh\n${printWorkspace}\n`);
  return { folder, binary };
}

describe('nx-azure-cache', () => {
  test('passes arguments and stdio', (t) => {
    const args = ['version', '--flag', 'two words', '', "'", '*', 'ü'];
    const script = 'cat; printf "[%s]" "$@"; echo error >&2';
    assert.deepEqual(run(t, script, args, 'input\n'), {
      status: 0,
      signal: null,
      stdout: `input\n${args.map((arg) => `[${arg}]`).join('')}`,
      stderr: 'error\n',
    });
  });

  for (const code of [0, 1, 3, 127, 255]) {
    test(`passes the exit code ${code}`, (t) => {
      const result = run(t, `exit ${code}`);
      assert.deepEqual(result, {
        ...{ status: code, signal: null, stdout: '', stderr: '' },
      });
    });
  }

  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT']) {
    test(`ends by ${signal} if the binary did`, (t) => {
      const result = run(t, `kill -${signal.slice(3)} $$`);
      assert.equal(result.signal, signal);
      assert.equal(result.stderr, '');
    });
  }

  test('fails if the signal cannot end it', (t) => {
    // Node ignores SIGPIPE.
    assert.equal(run(t, 'kill -PIPE $$').status, 1);
  });

  for (const [what, binary] of Object.entries({
    'does not exist': '/nowhere/nx-azure-cache',
    'is a folder': __dirname,
  })) {
    test(`reports that the binary ${what}`, (t) => {
      const { status, stdout, stderr } = runBinary(t, binary);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^nx-azure-cache: .*\n$/);
      assert.ok(stderr.includes(binary));
    });
  }

  test('reports a missing platform package', (t) => {
    const { status, stdout, stderr } = runBinary(t, undefined);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^nx-azure-cache: this is a source checkout.*\n$/);
  });

  test('is the executable that package.json names', () => {
    const { bin } = require('../package.json');
    assert.equal(path.join(packageFolder, bin['nx-azure-cache']), launcher);
    assert.ok(fs.statSync(launcher).mode & 0o100);
    const [first] = fs.readFileSync(launcher, 'utf8').split('\n');
    assert.equal(first, '#!/usr/bin/env node');
  });
});

describe('nx-azure-cache in a workspace', () => {
  const nxVersion = require('nx/package.json').version;
  const azure = { container: 'results', trust: { branches: ['main'] } };

  for (const command of [
    ...['ls', 'inspect', 'evict', 'doctor', 'explain', 'keys', 'license'],
    ...['config'],
  ]) {
    test(`describes it to ${command}, and passes its exit code`, (t) => {
      const { folder, binary } = workspace(t, {
        'nx.json': JSON.stringify({ azure, defaultBase: 'origin/trunk' }),
      });
      const { status, stdout, stderr } = runIn(folder, binary, [command, '1']);
      const { launcher, cacheDirectory, ...sent } = JSON.parse(stdout);
      assert.deepEqual(sent, {
        workspaceRoot: folder,
        nxVersion,
        ci: false,
        config: azure,
        defaultBase: 'origin/trunk',
      });
      assert.equal(launcher !== undefined, command === 'doctor');
      const cache = path.join(folder, '.nx', 'cache');
      const readsRun = ['doctor', 'inspect', 'explain'].includes(command);
      assert.equal(cacheDirectory, readsRun ? cache : undefined);
      assert.equal(stderr, '');
      assert.equal(status, 7);
    });
  }

  test('reads the file that nx.json extends, in a subfolder, in CI', (t) => {
    const { folder, binary } = workspace(t, {
      'base.json': JSON.stringify({ azure, affected: { defaultBase: 'dev' } }),
      'nx.json': JSON.stringify({ extends: './base.json' }),
    });
    const below = path.join(folder, 'below');
    fs.mkdirSync(below);
    const { stdout } = runIn(below, binary, ['ls'], {
      env: { CI: 'true', NX_WORKSPACE_ROOT_PATH: undefined },
    });
    assert.deepEqual(JSON.parse(stdout), {
      workspaceRoot: folder,
      nxVersion,
      ci: true,
      config: azure,
      defaultBase: 'dev',
      extended: ['azure', 'defaultBase'],
    });
  });

  test('reads the file that nx.json extends in a package', (t) => {
    const { folder, binary } = workspace(t, {
      'node_modules/preset/nx.json': JSON.stringify({ azure }),
      'nx.json': JSON.stringify({ extends: 'preset/nx.json' }),
    });
    const { stdout } = runIn(folder, binary, ['ls']);
    assert.deepEqual(JSON.parse(stdout).config, azure);
  });

  test('reports errors in nx.json, without which flags still work', (t) => {
    for (const text of ['{ "azure": ', '{ "extends": "./nowhere.json" }']) {
      const { folder, binary } = workspace(t, { 'nx.json': text });
      const { status, stdout, stderr } = runIn(folder, binary, ['ls']);
      const { problem, ...rest } = JSON.parse(stdout);
      assert.match(problem, /^nx\.json cannot be read: [^\n]+$/);
      assert.deepEqual(rest, {});
      assert.equal(stderr, '');
      assert.equal(status, 7);
    }
  });

  test('is not read by commands that do not need it', (t) => {
    for (const args of [['version'], ['serve'], ['drain'], ['--help'], []]) {
      const { folder, binary } = workspace(t, { 'nx.json': 'broken' });
      const { stdout, stderr } = runIn(folder, binary, args);
      assert.equal(stdout, 'nothing', `${args}`);
      assert.equal(stderr, '');
    }
  });

  test('may be missing', (t) => {
    const { folder, binary } = workspace(t, {});
    const { stdout, stderr } = runIn(folder, binary, ['ls']);
    const sent = { workspaceRoot: folder, nxVersion, ci: false };
    assert.deepEqual(JSON.parse(stdout), sent);
    assert.equal(stderr, '');
  });

  test('uses nothing from .env, and passes it on as claims', (t) => {
    const script = path.join(temporaryFolder(t), 'script');
    writeExecutable(script, '#!/bin/sh\necho EXECUTED\n');
    const { folder, binary } = workspace(t, {
      'nx.json': JSON.stringify({ azure }),
      '.env': `NX_AZURE_CACHE_BINARY=${script}\nNX_AZURE_CACHE_WORKSPACE=x\nCI=true\nAZURE_CLIENT_ID=x\n`,
    });
    for (const command of ['ls', 'doctor', 'license']) {
      const own = runIn(folder, undefined, [command]);
      assert.doesNotMatch(own.stdout, /EXECUTED/);
      assert.match(own.stdout + own.stderr, /this is a source checkout/);

      const { stdout } = runIn(folder, binary, [command]);
      const { ci, config, claims } = JSON.parse(stdout);
      assert.deepEqual({ ci, config }, { ci: false, config: azure });
      assert.deepEqual(
        claims.map((/** @type {{ name: string }} */ { name }) => name).sort(),
        ['AZURE_CLIENT_ID', 'CI', 'NX_AZURE_CACHE_WORKSPACE'],
      );
    }
    writeExecutable(binary, '#!/bin/sh\necho "${AZURE_CLIENT_ID-none}"\n');
    assert.equal(runIn(folder, binary, ['ls']).stdout, 'none\n');
  });

  test('may be missing, and Nx, too', (t) => {
    const { folder, binary } = workspace(t, {});
    const copy = temporaryFolder(t);
    for (const name of require('../package.json').files) {
      fs.cpSync(path.join(packageFolder, name), path.join(copy, name), {
        recursive: true,
      });
    }
    fs.copyFileSync(
      path.join(packageFolder, 'package.json'),
      path.join(copy, 'package.json'),
    );
    const file = path.join(copy, 'bin', 'nx-azure-cache.js');
    const { stdout, stderr } = runIn(folder, binary, ['ls'], { file });
    assert.equal(stdout, '{}');
    assert.equal(stderr, '');
  });
});
