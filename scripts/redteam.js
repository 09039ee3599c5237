'use strict';

// npm run test:redteam [-- PATTERN …] [-- --quick] [-- --list]
//
// Attacks main through the cache. Each attack is a test with real Nx, the real npm package
// and binary, and Azurite (docs/testing.md). Each must succeed with isolation and
// signatures off before it must fail. Runs all attacks, or those whose names begin with a
// PATTERN: F31, F32_unsigned, dotenv_. --quick, which `npm test` uses, skips attacks that
// resemble another one. --list prints the names and runs nothing.

const { runMain } = require('./kit/cleanup');
const { runSuite } = require('./kit/suite');
const { prepareTarget } = require('./redteam/workspace');

runMain(() =>
  runSuite({
    folder: 'scripts/redteam',
    isLinuxOnly: true,
    prepare: prepareTarget,
  }),
);
