'use strict';

const { spawn } = require('node:child_process');
const { randomInt } = require('node:crypto');
const net = require('node:net');
const tls = require('node:tls');
const { atEnd } = require('./cleanup');
const { patience } = require('./patience');

/**
 * Starts a server on 127.0.0.1, and resolves once it responds to HTTP, or to TLS.
 *
 * @param {string} name for messages
 * @param {(port: number) => string[]} args of the command; without a command, a
 *   script for Node and its arguments
 * @param {{ command?: string, timeout?: number, isSecure?: boolean }} [options]
 *   timeout: milliseconds until it must respond; isSecure: TLS
 * @returns {Promise<{ port: number, pid: number, stop: () => Promise<void> }>} `stop`
 *   runs at the end; callers may call it earlier, any number of times
 */
async function startServer(
  name,
  args,
  { command = process.execPath, timeout = patience, isSecure = false } = {},
) {
  const port = await freePort();
  const child = spawn(command, args(port), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-10_000);
    });
  }
  const ended = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  };
  atEnd(stop);

  const deadline = Date.now() + timeout;
  while (!(await (isSecure ? shakesHands : respondsToHTTP)(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`${name} does not start on port ${port}:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { port, pid: child.pid ?? 0, stop };
}

/** @param {number} port */
async function respondsToHTTP(port) {
  try {
    await fetch(`http://127.0.0.1:${port}/`, {
      signal: AbortSignal.timeout(2000),
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function shakesHands(port) {
  return new Promise((resolve) => {
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port, timeout: 2000 },
      rejectUnauthorized: false, // it only has to respond
    });
    const end = (/** @type {boolean} */ result) => {
      socket.destroy();
      resolve(result);
    };
    socket.on('secureConnect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('timeout', () => end(false));
  });
}

/** Where systems take no ports from for those that ask for any: from 32,768 on, or 49,152. */
const ownPorts = { from: 20_000, to: 32_000 };

/**
 * A port of 127.0.0.1 that is free now. No server that asks the system for any port gets it:
 * otherwise such a server of another test got the requests by which `startServer` waits.
 *
 * @returns {Promise<number>}
 */
async function freePort() {
  for (let tries = 100; tries > 0; tries--) {
    const port = randomInt(ownPorts.from, ownPorts.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${ownPorts.from} to ${ownPorts.to}`);
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

exports.startServer = startServer;
exports.freePort = freePort;
