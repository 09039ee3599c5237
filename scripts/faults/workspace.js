'use strict';

// Changes that tests make to the workspace of scripts/workspace.

const fs = require('node:fs');
const path = require('node:path');
const { build, outputs, runNx } = require('../kit/nx-runs');

/** @import { Fixture } from '../kit/fixture' */
/** @import { Machine } from '../kit/machine' */

/** Timeouts with which a test need not wait long for what never comes. */
const shortTimeouts = {
  connect: '500ms',
  firstByte: '1s',
  stall: '1s',
  drain: '2s',
};

/**
 * Removes what Nx has kept, but not what our processes have left, nor the
 * outputs.
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
 * Replaces the script that builds a project; `items` of it are in
 * scripts/workspace.
 *
 * @param {Machine} machine
 * @param {string} script which finds its project in `project` and the folder
 *   of its outputs, which is empty, in `dist`
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
 * The script of `setBuild` that writes a file of bytes which look random, and
 * are the same each time.
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
 * What a build gives on a machine without any remote cache.
 *
 * @param {Fixture} fixture
 * @param {(machine: Machine) => void} prepare
 * @param {string[]} [args]
 */
async function withoutCache(fixture, prepare, args = build) {
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
exports.withoutCache = withoutCache;
