'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { output, poison } = require('./workspace');

/** @import { Machine } from '../kit/machine' */

/** Appends to the output as soon as it exists, until its stdin closes. */
const loop = `
const fs = require('node:fs');
const [output, poison] = process.argv.slice(1);
setInterval(() => {
  let content;
  try {
    content = fs.readFileSync(output, 'utf8');
  } catch {
    return; // it does not exist
  }
  if (content && !content.endsWith(poison)) fs.appendFileSync(output, poison);
}, 1);
process.stdin.on('end', () => process.exit()).resume();
console.log('it loops');
`;

/**
 * Builds while a process of the same CI job tampers with the outputs.
 *
 * @param {Machine} machine
 * @param {() => Promise<unknown>} build
 */
async function withDistTamperer({ workspace, env }, build) {
  const child = spawn(process.execPath, ['-e', loop, output, poison], {
    cwd: workspace,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    await build();
  } finally {
    child.stdin.end();
    await exited;
  }
}

exports.withDistTamperer = withDistTamperer;
