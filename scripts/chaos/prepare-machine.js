'use strict';

// A machine of a run, and its disk before a round.

const fs = require('node:fs');
const path = require('node:path');
const { meddle, plantLeftovers } = require('./disk');

/** @import { Disk } from './disk' */
/** @import { Expected } from './check' */
/** @import { MachineName, Project, Round } from './plan' */
/** @import { ChaosMachine } from './machine' */

/**
 * A machine of a run, and what belongs to it.
 *
 * @typedef {object} Station
 * @property {ChaosMachine} machine
 * @property {Disk} disk
 * @property {ReturnType<ChaosMachine['surroundings']>} before
 */

/**
 * Puts outputs of an older build into the workspace, of projects that write
 * theirs anew.
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
 * @param {Round} round
 * @param {MachineName} name
 * @param {Station} station
 * @param {Expected} expected
 * @param {AbortSignal} over
 * @returns {Promise<{ meddling: Promise<unknown> }>} resolves when the meddling has ended
 */
async function prepareDisk(round, name, { machine, disk }, expected, over) {
  const mine = round.faults
    .filter((fault) => fault.on === 'disk')
    .filter(({ machine }) => machine === name);
  // First: what is mounted hides what was there.
  for (const { kind, room } of mine) {
    if (kind === 'small') await disk.shrink(expected.bytes + room);
    if (kind === 'layer') await disk.layer();
  }
  for (const { kind, room } of mine) {
    if (kind === 'leftovers') plantLeftovers(machine.cache, 1 + room);
  }
  const meddling = mine
    .filter(({ kind }) => kind === 'meddler')
    .map(() => meddle(machine.cache, over));
  return { meddling: Promise.all(meddling) };
}

exports.plantStale = plantStale;
exports.prepareDisk = prepareDisk;
