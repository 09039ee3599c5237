'use strict';

// npm run test:redteam [-- PATTERN …] [-- --quick] [-- --list]
//
// Attacks on main by way of the cache, each as a test with real Nx, the real npm package
// and binary, and Azurite (docs/testing.md). Each must succeed with isolation and
// signatures off before it must fail. Runs all, or those whose names begin with a PATTERN:
// F31, F32_unsigned, dotenv_. --quick skips what is like another attack, and `npm test`
// does that. --list prints the names and runs nothing.

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
