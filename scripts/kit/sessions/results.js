'use strict';

// The results of the lines `stored` and `expect stored`. The server under test stores and
// restores them, in a separate process for each.

const fs = require('node:fs');
const path = require('node:path');
const { frame } = require('./conversation');
const { checkTree, makeTree } = require('./trees');
const { checkFile, sessionFolder } = require('./values');

/** @import { Entry } from './parse' */
/** @import { ServerClient } from './server-client' */
/** @import { Values } from './values' */

/** Longer terminal output, in bytes, travels as a file; see rpc/doc.go. */
const inlineTerminalOutput = 262_144;

/**
 * A result in a session: its exit code, terminal output and files.
 *
 * @typedef {{ hash: string, code: string, output: string, tree: Entry[] }} Result
 */

/**
 * The context of a request to a server.
 *
 * @typedef {object} Context
 * @property {Values} values of the session
 * @property {object} params of initialize
 * @property {string} cacheDirectory an empty folder
 * @property {() => ServerClient} start starts a server
 */

/**
 * Stores a result.
 *
 * @param {Context} context
 * @param {Result} result
 */
async function storeResult(context, { hash, code, output, tree }) {
  const { cacheDirectory, values } = context;
  makeTree(path.join(cacheDirectory, hash), tree, values);
  const isLong = Buffer.byteLength(output) > inlineTerminalOutput;
  const params = (/** @type {string} */ session) => {
    const common = { hash, cacheDirectory, code: Number(code) };
    if (!isLong) return { ...common, terminalOutput: output };
    const folder = sessionFolder(cacheDirectory, session);
    const terminalOutputPath = path.join(folder, 'output');
    fs.writeFileSync(terminalOutputPath, output);
    return { ...common, terminalOutputPath };
  };
  await request(context, 'store', params, ({ queued, reason }) => {
    if (!queued) throw new Error(`the result cannot be stored: ${reason}`);
  });
}

/**
 * Restores a result and checks it.
 *
 * @param {Context} context
 * @param {Result} want
 */
async function checkResult(context, { hash, code, output, tree }) {
  const { cacheDirectory, values } = context;
  const params = () => ({ hash, cacheDirectory });
  await request(context, 'retrieve', params, (hit) => {
    if (hit === null) throw new Error(`the container has no result ${hash}`);
    if (String(hit.code) !== code) {
      throw new Error(`want the code ${code}, got ${hit.code}`);
    }
    const wrong = hit.terminalOutputPath
      ? checkFile(hit.terminalOutputPath, output)
      : values
          .differences(output, hit.terminalOutput, 'terminal output')
          .join('\n');
    if (wrong) throw new Error(wrong);
    checkTree(hit.outputsPath, tree, values);
  });
}

/**
 * Sends one request to a server, calls `check` with its result, and waits until the server
 * has ended.
 *
 * @param {Context} context
 * @param {string} method
 * @param {(session: string) => object} params
 * @param {(result: any) => void} check
 */
async function request(context, method, params, check) {
  const { values } = context;
  const client = context.start();
  let lastId = 0;
  const call = async (
    /** @type {string} */ method,
    /** @type {object | undefined} */ params,
  ) => {
    const id = ++lastId;
    const message = { jsonrpc: '2.0', id, method, params };
    await client.send(frame(message), '');
    const want = { jsonrpc: '2.0', id, result: '${any}' };
    return (await client.take(values, want)).result;
  };
  const { session } = await call('initialize', context.params);
  check(await call(method, params(session)));
  await call('shutdown', undefined);
  await client.closeStdin();
  await client.exited(values, 0, '');
}

exports.checkResult = checkResult;
exports.storeResult = storeResult;
