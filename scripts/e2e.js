'use strict';

// node scripts/e2e.js [PATTERN …] [--list]
//
// The end-to-end tests: real Nx, real npm packages, the real binary, Azurite. Runs all tests,
// or those whose names, or names of files, begin with a PATTERN.

const { runMain } = require('./kit/cleanup');
const { runSuite } = require('./kit/suite');

runMain(() => runSuite({ folder: 'scripts/e2e' }));
