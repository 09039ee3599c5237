#!/usr/bin/env node
'use strict';

// The command line of the binary: `npx nx-azure-cache version`.

const { spawnSync } = require('node:child_process');
const { binaryPath } = require('../binary');

try {
  const { status, signal, error } = spawnSync(
    binaryPath(),
    process.argv.slice(2),
    { stdio: 'inherit' },
  );
  if (error) throw error;
  if (signal) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
} catch (err) {
  process.stderr.write(
    `nx-azure-cache: ${err instanceof Error ? err.message : err}\n`,
  );
  process.exitCode = 1;
}
