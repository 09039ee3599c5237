'use strict';

// Prepares the workspace and the disk of a machine for a round.

const fs = require('node:fs');
const path = require('node:path');
const { tamper, plantLeftovers } = require('./disk');

/** @import { Disk } from './disk' */
/** @import { Expected } from './check' */
/** @import { MachineName, Project, Round } from './plan' */
/** @import { ChaosMachine } from './machine' */

/**
 * A machine of a run.
 *
 * @typedef {object} MachineState
 * @property {ChaosMachine} machine
 * @property {Disk} disk with its cache directory
 * @property {ReturnType<ChaosMachine['surroundings']>} before the first round
 */

/**
 * Creates outputs of an older build in the workspace, for the projects whose tasks succeed.
 *
 * @param {ChaosMachine} machine
 * @param {Project[]} projects
 * @param {Expected} expected
 */
function plantStale({ workspace }, projects, { tasks }) {
  for (const { name } of projects) {
    if (tasks[`${name}:build`]?.code !== 0) continue;
    const dist = path.join(workspace, 'dist', name);
    fs.mkdirSync(path.join(dist, 'old'), { recursive: true });
    fs.writeFileSync(path.join(dist, 'old', 'file.js'), 'old\n');
    fs.writeFileSync(path.join(dist, 'digest.txt'), 'old\n');
  }
}

/**
 * Causes the disk faults of a round.
 *
 * @param {Round} round
 * @param {MachineName} name
 * @param {MachineState} state
 * @param {Expected} expected
 * @param {AbortSignal} over aborted when the round is over
 * @returns {Promise<{ tampering: Promise<unknown> }>} `tampering` resolves when the
 *   tampering with results has ended
 */
async function prepareDisk(round, name, { machine, disk }, expected, over) {
  const diskFaults = round.faults
    .filter((fault) => fault.on === 'disk')
    .filter(({ machine }) => machine === name);
  // Mounted first, because a mount hides the files below it.
  for (const { kind, room } of diskFaults) {
    if (kind === 'small') await disk.shrink(expected.bytes + room);
    if (kind === 'layer') await disk.layer();
  }
  for (const { kind, room } of diskFaults) {
    if (kind === 'leftovers') plantLeftovers(machine.cache, 1 + room);
  }
  const tampering = diskFaults
    .filter(({ kind }) => kind === 'tampering')
    .map(() => tamper(machine.cache, over));
  return { tampering: Promise.all(tampering) };
}

exports.plantStale = plantStale;
exports.prepareDisk = prepareDisk;
