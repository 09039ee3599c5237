'use strict';

// Changes that tests make to the workspace of scripts/workspace.

const fs = require('node:fs');
const path = require('node:path');
const { build, outputs, runNx } = require('../kit/nx-runs');

/** @import { Fixture } from '../kit/fixture' */
/** @import { Machine } from '../kit/machine' */

/** Timeouts short enough for a test to wait for them. */
const shortTimeouts = {
  connect: '500ms',
  firstByte: '1s',
  stall: '1s',
  drain: '2s',
};

/**
 * Removes Nx's cache, but neither the leftovers of our processes nor the outputs.
 *
 * @param {Machine} machine
 */
function forgetResults(machine) {
  const folders = [machine.home, machine.workspace].map((parent) =>
    path.join(parent, '.nx'),
  );
  for (let folder; (folder = folders.pop());) {
    if (!fs.existsSync(folder)) continue;
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.name === '.nx-azure-cache') continue;
      if (entry.name === 'cache' || entry.name === 'workspaces') {
        folders.push(file);
      } else {
        fs.rmSync(file, { recursive: true, force: true });
      }
    }
  }
}

/**
 * Replaces the script that builds the projects.
 *
 * @param {Machine} machine
 * @param {string} script its variable `project` is the name of the project; `dist` is the
 *   folder of its outputs, which is empty
 */
function setBuild(machine, script) {
  fs.writeFileSync(
    path.join(machine.workspace, 'tools', 'build.js'),
    `'use strict';
    const fs = require('node:fs');
    const path = require('node:path');
    const crypto = require('node:crypto');
    const project = process.argv[2];
    const dist = path.join('dist', project);
    fs.rmSync(dist, { recursive: true, force: true });
    fs.mkdirSync(dist, { recursive: true });
    ${script}`,
  );
}

/**
 * Returns a script for `setBuild` that writes a file of pseudo-random bytes, the same ones each
 * time.
 *
 * @param {number} megabytes
 */
const buildLargeFile = (megabytes) => `
  const zeros = Buffer.alloc(1024 * 1024);
  const cipher = crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const file = fs.openSync(path.join(dist, 'large'), 'w');
  for (let i = 0; i < ${megabytes}; i++) fs.writeSync(file, cipher.update(zeros));
  fs.closeSync(file);`;

/**
 * Builds on a machine without a remote cache, and returns the outputs.
 *
 * @param {Fixture} fixture
 * @param {(machine: Machine) => void} prepare
 * @param {string[]} [args]
 */
async function outputsWithoutCache(fixture, prepare, args = build) {
  const env = { NX_SKIP_REMOTE_CACHE: 'true' };
  const machine = fixture.machine('without-cache', { env });
  prepare(machine);
  await runNx(machine, args);
  const tree = outputs(machine);
  fs.rmSync(path.dirname(machine.home), { recursive: true });
  return tree;
}

exports.buildLargeFile = buildLargeFile;
exports.forgetResults = forgetResults;
exports.setBuild = setBuild;
exports.shortTimeouts = shortTimeouts;
exports.outputsWithoutCache = outputsWithoutCache;
