'use strict';

// Workspaces of many projects, and a server whose queue is full.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/** @import { TestContext } from 'node:test' */
/** @import { Machine } from '../kit/machine' */

/** @param {number} i */
const textOf = (i) => `the text of project ${i}\n`;

/**
 * Replaces the projects of a machine's workspace with `count` others, whose
 * build copies a file and takes no time.
 *
 * @param {Machine} machine
 * @param {number} count
 * @param {(i: number) => number[]} [dependenciesOf] which projects a project waits
 *   for: none
 */
function writeMany({ workspace }, count, dependenciesOf = () => []) {
  for (const name of ['colors', 'site', 'words']) {
    fs.rmSync(path.join(workspace, name), { recursive: true, force: true });
  }
  for (let i = 0; i < count; i++) {
    const folder = path.join(workspace, 'many', `p${i}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'text'), textOf(i));
    const command = `mkdir -p dist/p${i} && cp many/p${i}/text dist/p${i}/text && chmod 644 dist/p${i}/text`;
    fs.writeFileSync(
      path.join(folder, 'project.json'),
      JSON.stringify({
        name: `p${i}`,
        implicitDependencies: dependenciesOf(i).map((other) => `p${other}`),
        targets: { build: { command } },
      }),
    );
  }
}

/**
 * The tree that the builds of `writeMany` make.
 *
 * @param {number} count
 */
function outputsOfMany(count) {
  /** @type {Record<string, string>} */
  const tree = {};
  for (let i = 0; i < count; i++) {
    const text = textOf(i);
    const digest = createHash('sha256').update(text).digest('hex');
    tree[`p${i}`] = '40755';
    tree[path.join(`p${i}`, 'text')] = `100644 ${text.length} ${digest}`;
  }
  return tree;
}

/**
 * Starts a server that accepts no connection: its queue is full, so that
 * whoever connects waits for an answer to its first packet.
 *
 * @param {TestContext} t
 * @returns {Promise<number>} its port
 */
async function startDeafServer(t) {
  const child = spawn(
    process.execPath,
    [
      '-e',
      `require('node:net').createServer().listen(
        { port: 0, host: '127.0.0.1', backlog: 1 },
        function () { console.log(this.address().port); });`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const [text] = await once(child.stdout, 'data');
  const port = Number(text);
  child.kill('SIGSTOP');
  for (let i = 0; i < 20; i++) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    t.after(() => socket.destroy());
    await Promise.race([once(socket, 'connect'), sleep(300)]);
    if (socket.connecting) return port;
  }
  assert.fail('the queue does not get full');
}

exports.outputsOfMany = outputsOfMany;
exports.startDeafServer = startDeafServer;
exports.writeMany = writeMany;
