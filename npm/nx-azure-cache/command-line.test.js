'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  environment,
  shim,
  temporaryFolder,
  writeExecutable,
} = require('./testing/world');

/** @import { TestContext } from 'node:test' */

const launcher = path.join(shim, 'bin', 'nx-azure-cache.js');

/**
 * Runs the command line before an executable.
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
  const cwd = temporaryFolder(t);
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [launcher, ...args],
    {
      cwd,
      env: environment(cwd, { NX_AZURE_CACHE_BINARY: binary }),
      input,
      encoding: 'utf8',
      timeout: 30_000,
    },
  );
  return { status, signal, stdout, stderr };
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
    test(`ends by ${signal} as the binary did`, (t) => {
      const result = run(t, `kill -${signal.slice(3)} $$`);
      assert.equal(result.signal, signal);
      assert.equal(result.stderr, '');
    });
  }

  test('fails when the signal cannot end it', (t) => {
    // Node ignores SIGPIPE.
    assert.equal(run(t, 'kill -PIPE $$').status, 1);
  });

  for (const [what, binary] of Object.entries({
    'does not exist': '/nowhere/nx-azure-cache',
    'is a folder': __dirname,
  })) {
    test(`says so when the binary ${what}`, (t) => {
      const { status, stdout, stderr } = runBinary(t, binary);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^nx-azure-cache: .*\n$/);
      assert.ok(stderr.includes(binary));
    });
  }

  test('says so when there is no package for the platform', (t) => {
    const { status, stdout, stderr } = runBinary(t, undefined);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^nx-azure-cache: this is a source checkout.*\n$/);
  });

  test('is what package.json names, and executable', () => {
    const { bin } = require('./package.json');
    assert.equal(path.join(shim, bin['nx-azure-cache']), launcher);
    assert.ok(fs.statSync(launcher).mode & 0o100);
    const [first] = fs.readFileSync(launcher, 'utf8').split('\n');
    assert.equal(first, '#!/usr/bin/env node');
  });
});
