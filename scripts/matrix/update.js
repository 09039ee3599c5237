'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const {
  repairCommand,
} = require('../../npm/nx-azure-cache/lib/package-manager');
const { alias } = require('../kit/names');
const { version } = require('../../package.json');

/** @import { Machine } from '../kit/machine' */
/** @import { CellRun } from './cell' */

/**
 * Asserts that the generator `update` finds the newest version in the registry of this
 * package manager, and that the command of the run's line restores a lost alias.
 *
 * @param {CellRun} run
 * @param {Machine} machine
 */
async function checkUpdate(run, machine) {
  const { exec } = run.manager;
  const isPlain = run.cell.way === 'alias package';
  const file = path.join(machine.workspace, 'package.json');
  const read = () => JSON.parse(fs.readFileSync(file, 'utf8'));
  const manifest = read();
  const repair = repairCommand(machine.workspace);
  const isGenerator = repair.endsWith(':update');
  if (isGenerator || !isPlain) {
    delete manifest.dependencies?.[alias];
    manifest.devDependencies[alias] = '99.0.0'; // as nx migrate leaves it
    fs.writeFileSync(file, JSON.stringify(manifest, null, 2));
    if (!isGenerator) await run.must(machine, repair.split(' '));
  }
  // Bun before 1.2.15 cannot look up versions.
  const to = run.cell.bun?.startsWith('1.1.') ? [`--to=${version}`] : [];
  const update = [...exec, 'nx', 'generate', `${alias}:update`, ...to];
  await run.must(machine, update);
  const { dependencies, devDependencies } = read();
  const spec = { ...dependencies, ...devDependencies }[alias];
  const wanted = isPlain ? version : `npm:nx-azure-cache@${version}`;
  assert.equal(spec.replace('^', ''), wanted);
}

exports.checkUpdate = checkUpdate;
