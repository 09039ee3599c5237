'use strict';

// F29 (npm/cli#4828): the package of this platform is missing. One line reports this and a fix,
// and the fix works.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { createContainer } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { platformPackage } = require('../kit/names');
const { CellRun, buildTasks } = require('./cell');
const { linesOfOurs, withCommand } = require('./output');

/** @import { Machine } from '../kit/machine' */
/** @import { Cell, Shared } from './cell' */

const platform = `${process.platform}-${process.arch}`;

/** Nx's own binary. It would be missing, too, and Nx does not run without it. */
const nxBinary = `@nx/nx-${platform}${process.platform === 'linux' ? '-gnu' : ''}`;

/**
 * Removes the package from a workspace that has it in its manifest.
 *
 * @typedef {(run: MissingRun, machine: Machine) => Promise<unknown>} Lose
 */

/** @type {Record<string, Lose>} */
const losses = {
  /** As in an image that must be small. */
  'omit-optional': async (run, machine) => {
    const { install } = run.manager;
    await run.must(machine, [...install, ...run.manager.omitOptional]);
  },

  /** As if npm wrote the lockfile next to the node_modules of another platform. */
  'lockfile-of-another-platform': async (run, machine) => {
    await run.must(machine, run.manager.install);
    const lost = path.join('node_modules', platformPackage);
    fs.rmSync(path.join(machine.workspace, lost), { recursive: true });
    for (const name of [
      'package-lock.json',
      path.join('node_modules', '.package-lock.json'),
    ]) {
      const file = path.join(machine.workspace, name);
      const lockfile = JSON.parse(fs.readFileSync(file, 'utf8'));
      const key = lost.replaceAll('\\', '/');
      assert.ok(lockfile.packages[key], `${name} does not know ${key}`);
      delete lockfile.packages[key];
      fs.writeFileSync(file, JSON.stringify(lockfile, null, 2));
    }
  },
};

class MissingRun extends CellRun {
  /**
   * @param {Cell} cell
   * @param {Shared} shared
   */
  constructor(cell, shared) {
    super(cell, shared);
    const lose = losses[cell.loss ?? ''];
    if (!lose) throw new Error(`${cell.name} does not say how it is lost`);
    this.lose = lose;
  }

  async steps() {
    await createContainer(this.shared.azurite, this.container);
    const a = this.machine('a');
    await this.createWorkspace(a, { [nxBinary]: this.cell.nx });
    await this.addPackage(a);
    fs.rmSync(path.join(a.workspace, 'node_modules'), { recursive: true });
    await this.lose(this, a);
    await this.#assertReported(a);

    a.forget();
    await this.must(a, this.manager.install);
    await this.build(a, 'cache-miss', /: 0 hits, 3 misses, 3 stored,/);
  }

  /**
   * Asserts that a run works without the cache, and reports why.
   *
   * @param {Machine} machine
   */
  async #assertReported(machine) {
    const why =
      `the package ${platformPackage} is not installed. Install again on this platform, ` +
      'without --omit=optional; if that does not help, remove node_modules ' +
      'and the entries of @nx-azure-cache from the lockfile first';
    const run = await this.nx(machine, buildTasks, { env: onMain });
    const what = withCommand(buildTasks, run.output);
    assert.equal(run.code, 0, what);
    assert.deepEqual(
      linesOfOurs(run.output),
      [`nx-azure-cache: the remote cache is off: ${why}`],
      what,
    );
    const dist = path.join(machine.workspace, 'dist');
    assert.deepEqual(fs.readdirSync(dist), ['colors', 'site', 'words']);

    const [program, ...exec] = this.manager.exec;
    const args = [...exec, 'nx-azure-cache', 'version'];
    const { code, output } = await machine.run(program, args);
    assert.equal(code, 1, output);
    assert.ok(linesOfOurs(output).includes(`nx-azure-cache: ${why}`), output);
  }
}

exports.MissingRun = MissingRun;
