'use strict';

// npm run test:faults [-- PATTERN …] [-- --quick] [-- --nightly] [-- --list]
//
// The fault suite: what users of such caches suffered, each as a test with real Nx, the
// real npm package and binary, and Azurite behind proxies that fail (docs/testing.md).
// Runs all tests, or those whose names begin with a PATTERN: F05, F03_300. --quick skips
// each `fullTest` (scripts/kit/tests.js); --nightly adds what writes gigabytes.

const { runMain } = require('./kit/cleanup');
const { runSuite } = require('./kit/suite');
const { startToxiproxy } = require('./kit/toxiproxy');

runMain(() =>
  runSuite({
    folder: 'scripts/faults',
    isLinuxOnly: true,
    prepare: async () => startToxiproxy(),
  }),
);
