'use strict';

/**
 * The places in package.json that can name a version of this package: as a dependency, or to
 * override one in npm and Bun, Yarn, and pnpm.
 */
const places = [
  ['devDependencies'],
  ['dependencies'],
  ['optionalDependencies'],
  ['overrides'],
  ['resolutions'],
  ['pnpm', 'overrides'],
];

module.exports = { places };
