'use strict';

const { platforms } = require('../build');

/**
 * The platforms that `npm test` compiles for: each operating system and each CPU of
 * npm/platforms.json. The standard library and the Azure SDK take most of the time, and
 * take it once for each. With NX_AZURE_CACHE_TEST_PLATFORMS=all, as in CI on GitHub, they
 * are all six; a release builds all six, too.
 */
const testedPlatforms =
  process.env.NX_AZURE_CACHE_TEST_PLATFORMS === 'all'
    ? platforms
    : platforms.filter(({ os, cpu }) =>
        ['linux-x64', 'darwin-arm64', 'win32-x64'].includes(`${os}-${cpu}`),
      );

exports.testedPlatforms = testedPlatforms;
