'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root } = require('../kit/root');
const { run } = require('../kit/run');

/**
 * The machine and the versions that the figures belong to. Without these,
 * figures are worth little.
 */
async function describeMachine() {
  const cpus = os.cpus();
  const { stdout: go } = await run('go', ['env', 'GOVERSION']);
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: await commit(),
    cpu: cpus[0].model.trim(),
    cores: cpus.length,
    memoryGB: Math.round(os.totalmem() / 1e9),
    kernel: `${os.type()} ${os.release()}`,
    fileSystem: fileSystem(root),
    node: process.version,
    go: go.trim().replace('go', ''),
    nx: require('nx/package.json').version,
    /** The figures of a busy machine are noise. */
    loadBefore: Number(os.loadavg()[0].toFixed(2)),
  };
}

/** @typedef {Awaited<ReturnType<typeof describeMachine>>} Machine */

async function commit() {
  const { stdout } = await run('git', ['describe', '--always', '--dirty']);
  return stdout.trim();
}

/**
 * The type of the file system that a folder is on.
 *
 * @param {string} folder
 */
function fileSystem(folder) {
  const mounts = fs
    .readFileSync('/proc/self/mounts', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at]) => !path.relative(at, folder).startsWith('..'))
    .sort(([, a], [, b]) => b.length - a.length);
  return mounts[0]?.[2] ?? 'unknown';
}

exports.describeMachine = describeMachine;
