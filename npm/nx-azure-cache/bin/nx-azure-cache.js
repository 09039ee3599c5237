#!/usr/bin/env node
'use strict';

// The command `npx nx-azure-cache`. It runs the binary with what Nx knows of the workspace.

// This must come first: the modules below may load the checkout's .env files.
const initial = Object.assign(Object.create(null), process.env);

const { spawnSync } = require('node:child_process');
const { binaryPath } = require('../lib/binary');
const { codeOf, withCode } = require('../lib/diagnostics');
const { examine } = require('../lib/doctor/examine');
const { formatJson, formatText } = require('../lib/doctor/print');
const { binaryRow } = require('../lib/doctor/versions');
const { readEnvironment } = require('../lib/environment');
const { explain } = require('../lib/explanation');
const { version } = require('../package.json');
const { requireNx } = require('../lib/nx-module');
const { printableLine } = require('../lib/printable');
const { firstLine } = require('../lib/reason');
const {
  loadEnvFiles,
  readWorkspace,
  workspaceRoot,
} = require('../lib/workspace');

/** The commands that work on the cache of the current workspace. */
const ofWorkspaces = [
  ...['config', 'doctor', 'evict', 'explain', 'inspect', 'keys', 'license'],
  ...['ls'],
];

const args = process.argv.slice(2);
const isDoctor = args[0] === 'doctor' && !args.includes('--security');
if (ofWorkspaces.includes(args[0])) loadEnvFiles();
const environment = readEnvironment(workspaceRoot(), initial);
const env = environment.variables;
const checks = isDoctor ? examine(environment) : [];

try {
  const explained = args[0] === 'help' ? explain(args.slice(1)) : undefined;
  if (explained) {
    process.stdout.write(explained.stdout);
    process.stderr.write(explained.stderr);
    process.exitCode = explained.exitCode;
  } else {
    runBinary();
  }
} catch (err) {
  process.exitCode = 1;
  if (isDoctor) printAlone(firstLine(err));
  else
    process.stderr.write(
      withCode(
        printableLine(`nx-azure-cache: ${firstLine(err)}`),
        codeOf(err),
      ) + '\n',
    );
}

function runBinary() {
  // Ctrl-C also reaches the binary, which then cleans up.
  process.on('SIGINT', () => {});
  const { status, signal, error } = spawnSync(binaryPath({ env }), args, {
    stdio: 'inherit',
    env: { ...env, ...workspaceVariable() },
  });
  if (error) throw error;
  process.removeAllListeners('SIGINT');
  if (signal) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
}

/**
 * The workspace, for the binary. The binary does not read nx.json itself, because nx.json
 * may extend another file.
 *
 * @returns {NodeJS.ProcessEnv}
 */
function workspaceVariable() {
  if (!ofWorkspaces.includes(args[0])) return {};
  const launcher = isDoctor ? { launcher: { version, checks } } : {};
  const document = { ...workspace(), ...launcher, ...cacheDirectory() };
  return { NX_AZURE_CACHE_WORKSPACE: JSON.stringify(document) };
}

/**
 * Where Nx writes the hashes of its last run, for `inspect` and `doctor`, and the record of
 * the last run is, for `explain`. Nx 24 may create the folder, and throws if it is not safe
 * to use.
 *
 * @returns {{ cacheDirectory?: string }}
 */
function cacheDirectory() {
  if (!['explain', 'inspect'].includes(args[0]) && !isDoctor) return {};
  try {
    return { cacheDirectory: requireNx('src/utils/cache-directory').cacheDir };
  } catch {
    return {};
  }
}

/** The workspace, or why it is unknown. Flags may name a container instead. */
function workspace() {
  const claims = environment.claimsForCommand();
  try {
    return { ...readWorkspace(environment), claims };
  } catch (err) {
    const text = firstLine(err);
    const isWithoutNx = text.startsWith("Cannot find module 'nx/");
    if (isWithoutNx) return {};
    const problem = `nx.json cannot be read: ${text}`;
    return { problem, claims };
  }
}

/**
 * Prints the rows of this side if the binary cannot be run.
 *
 * @param {string} why
 */
function printAlone(why) {
  const rows = [...checks, ...binaryRow(checks, why)];
  process.stdout.write(
    args.includes('--json')
      ? formatJson(rows)
      : formatText(rows, process.stdout.isTTY),
  );
}
