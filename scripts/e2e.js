'use strict';

// node scripts/e2e.js [PATTERN …]
//
// The end-to-end tests, or those of the files whose names contain a PATTERN:
// real Nx, real npm packages, the real binary, Azurite. Needs `npm run build`.
// Sets up what all of them share and hands it to the tests of scripts/e2e in
// variables (see scripts/e2e/world.js).

const { runMain } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { attempt } = require('./kit/run');
const { startShared } = require('./kit/shared');
const { testFiles } = require('./kit/test-files');

/** How a user gets the package; both must work (design §3). */
const installs = {
  alias: { specifier: '@nx/powerpack-azure-cache@npm:nx-azure-cache' },
  plain: { specifier: '@nx/powerpack-azure-cache' },
};

async function main() {
  await install();
  const patterns = process.argv.slice(2);
  const isMeant = (/** @type {string} */ file) =>
    patterns.length === 0 || patterns.some((text) => file.includes(text));
  const files = testFiles('scripts/e2e', isMeant);
  const shared = await startShared('e2e', installs);
  const { code } = await attempt(
    'node',
    ['--test', '--test-concurrency=2', ...files],
    { echo: true, env: { ...process.env, ...shared } },
  );
  return code;
}

runMain(main);
