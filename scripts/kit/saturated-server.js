'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');

/** @import { TestContext } from 'node:test' */

/**
 * Starts a server whose queue of connections is full. It accepts none, so clients wait for a
 * response to their first packet.
 *
 * @param {TestContext} t
 * @returns {Promise<number>} its port
 */
async function startSaturatedServer(t) {
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

exports.startSaturatedServer = startSaturatedServer;
