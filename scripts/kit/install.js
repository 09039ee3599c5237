'use strict';

// Uses Node's built-in modules only, because this runs first in a fresh clone.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./root');
const { run } = require('./run');

/** Installs the packages that the scripts need, unless they match the lockfile already. */
async function install() {
  const lockfile = fs.readFileSync(path.join(root, 'package-lock.json'));
  const want = createHash('sha256').update(lockfile).digest('hex');
  const stamp = path.join(root, 'node_modules', '.nx-azure-cache-lockfile');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === want) return;

  console.log('Installing the tools of this repository …');
  // Not `npm ci`: it rejects a lockfile without entries for other platforms' binaries
  // (npm/cli#4828). Registries that mirror only some platforms cause such lockfiles.
  // `npm install` installs what the lockfile says, too.
  await run('npm', ['install', '--no-save', '--ignore-scripts']);
  fs.writeFileSync(stamp, want);
}

exports.install = install;
