#!/usr/bin/env node
'use strict';

// The command line of the binary: `npx nx-azure-cache ls`.

const { spawnSync } = require('node:child_process');
const { binaryPath } = require('../binary');
const { readWorkspace } = require('../workspace');

/** The commands that work on the cache of the workspace they are run in. */
const ofWorkspaces = ['doctor', 'evict', 'inspect', 'keys', 'ls'];

try {
  const args = process.argv.slice(2);
  const { status, signal, error } = spawnSync(binaryPath(), args, {
    stdio: 'inherit',
    env: { ...process.env, ...workspaceVariable(args) },
  });
  if (error) throw error;
  if (signal) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
} catch (err) {
  process.stderr.write(`nx-azure-cache: ${message(err)}\n`);
  process.exitCode = 1;
}

/**
 * What the binary is told of the workspace. It does not read nx.json itself, which
 * may extend another file.
 *
 * @param {string[]} args
 * @returns {NodeJS.ProcessEnv}
 */
function workspaceVariable([command]) {
  if (!ofWorkspaces.includes(command)) return {};
  return { NX_AZURE_CACHE_WORKSPACE: JSON.stringify(workspace()) };
}

/** The workspace, or why nothing is known of it: flags may name a container. */
function workspace() {
  try {
    return readWorkspace();
  } catch (err) {
    const text = message(err);
    const isWithoutNx = text.startsWith("Cannot find module 'nx/");
    return isWithoutNx ? {} : { problem: `nx.json cannot be read: ${text}` };
  }
}

/** @param {unknown} err */
function message(err) {
  return err instanceof Error ? err.message.split('\n', 1)[0] : String(err);
}
