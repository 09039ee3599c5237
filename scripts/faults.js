'use strict';

// npm run test:faults [-- PATTERN …] [-- --quick] [-- --nightly] [-- --list]
//
// Runs the fault suite: it repeats problems that users of such caches have reported, with real
// Nx, the real npm package and binary, and Azurite behind failing proxies (docs/testing.md).
// PATTERNs select tests whose names begin with one of them: F05, F03_300. --quick skips each
// `fullTest` (scripts/kit/tests.js); --nightly adds tests that write gigabytes.

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
