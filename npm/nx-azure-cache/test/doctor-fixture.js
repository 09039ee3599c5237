'use strict';

// Shared by the tests of doctor.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { version } = require('../package.json');
const {
  copyShim,
  environment,
  installed,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */
/** @import { Row } from '../lib/doctor/rows' */

const ourName = '@nx/powerpack-azure-cache';

/** The packages that Nx 24 tries before ours. */
const before = [
  '@nx/s3-cache',
  '@nx/powerpack-s3-cache',
  '@nx/shared-fs-cache',
  '@nx/powerpack-shared-fs-cache',
  '@nx/gcs-cache',
  '@nx/powerpack-gcs-cache',
  '@nx/azure-cache',
];

/** The source of a cache.js that looks for packages as Nx until 20.7 did. */
const oldSource = `
  class DbCache {
    isOld() { return nxJson.useLegacyCache; }
    s3() { return this.getPowerpackCache('@nx/powerpack-s3-cache'); }
    azure() { return this.getPowerpackCache('@nx/powerpack-azure-cache'); }
  }`;

/**
 * A workspace with a copy of the package under our alias, and with packages that would
 * print something if they were run.
 */
class Workspace {
  /**
   * @param {TestContext} t
   * @param {{ nxJson?: object, shim?: boolean }} [options]
   */
  constructor(t, { nxJson = {}, shim: hasShim = true } = {}) {
    this.root = temporaryFolder(t);
    /** Where the launcher runs. */
    this.cwd = this.root;
    this.isExamined = false;
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
    // Prints the workspace that it receives.
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
   * Replaces Nx with one of this version and with this cache.js.
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
        cwd: this.cwd,
        env: this.#environment(env),
        encoding: 'utf8',
        timeout: patience,
      },
    );
    this.#assertNothingRan();
    return { status, stdout, stderr };
  }

  /**
   * The rows of this side. A second look is one of the launcher, because Node.js remembers
   * the packages that it has read.
   *
   * @param {NodeJS.ProcessEnv} [env]
   */
  examine(env) {
    if (this.isExamined) return this.examineByLauncher(env);
    this.isExamined = true;
    const lib = path.join(path.dirname(this.launcher), '..', 'lib');
    const { examine } = require(path.join(lib, 'doctor/examine'));
    const { readEnvironment } = require(path.join(lib, 'environment'));
    const checks = this.#inside(env, () =>
      examine(readEnvironment(this.root, { ...process.env }), this.root),
    );
    this.#assertNothingRan();
    return rowsOf(checks);
  }

  /**
   * The rows that the binary receives from the launcher.
   *
   * @param {NodeJS.ProcessEnv} [env]
   */
  examineByLauncher(env) {
    const { status, stdout, stderr } = this.run(env);
    assert.equal(stderr, '');
    assert.equal(status, 7);
    const { launcher } = JSON.parse(stdout);
    assert.equal(launcher.version, version);
    return rowsOf(launcher.checks);
  }

  /** @param {NodeJS.ProcessEnv} [env] added */
  #environment(env) {
    return environment(this.root, {
      NX_AZURE_CACHE_BINARY: this.binary,
      ...env,
    });
  }

  /**
   * Calls a function as in a process that was started in this workspace.
   *
   * @template T
   * @param {NodeJS.ProcessEnv | undefined} env
   * @param {() => T} look must be synchronous
   */
  #inside(env, look) {
    const outer = { env: process.env, cwd: process.cwd() };
    try {
      process.env = this.#environment(env);
      process.chdir(this.cwd);
      return look();
    } finally {
      process.env = outer.env;
      process.chdir(outer.cwd);
    }
  }

  #assertNothingRan() {
    assert.ok(!fs.existsSync(path.join(this.root, 'ran')), 'a package was run');
  }
}

/**
 * The report of doctor, in which each problem has a fix.
 *
 * @param {Row[]} checks
 */
function rowsOf(checks) {
  for (const { id, status, fix } of checks) {
    const isProblem = status === 'failed' || status === 'warning';
    if (isProblem) assert.ok(fix, `${id} says what to do`);
  }
  return new Rows(checks);
}

/** The report of doctor. */
class Rows {
  /** @param {Row[]} rows */
  constructor(rows) {
    this.rows = rows;
  }

  /**
   * Asserts that a row with an ID matches.
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
    for (const pattern of says) {
      if (typeof pattern === 'string') assert.ok(text.includes(pattern), text);
      else assert.match(text, pattern);
    }
  }

  /** @param {string} id */
  has(id) {
    return this.rows.some((row) => row.id === id);
  }

  /** The IDs of the failed checks. */
  get failed() {
    return this.rows.flatMap(({ id, status }) =>
      status === 'failed' ? [id] : [],
    );
  }
}

exports.Rows = Rows;
exports.Workspace = Workspace;
exports.before = before;
exports.oldSource = oldSource;
exports.ourName = ourName;
