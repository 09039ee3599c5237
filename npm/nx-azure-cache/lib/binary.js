'use strict';

const manifest = require('../package.json');
const { diagnostics, withDiagnostic } = require('./diagnostics');

/**
 * The packages with the binaries, such as `@nx-azure-cache/linux-x64`, with this package's
 * version. Only the built package lists them; scripts/build.js generates the list from
 * npm/platforms.json.
 *
 * @type {Record<string, string>}
 */
const platformPackages =
  /** @type {{ optionalDependencies?: Record<string, string> }} */ (manifest)
    .optionalDependencies ?? {};

/**
 * The path of the binary for this machine. If there is none, throws an error that says
 * what to do.
 *
 * @param {{ env: NodeJS.ProcessEnv, platform?: string, arch?: string }} machine
 *   `env` excludes variables from .env files
 * @returns {string}
 */
function binaryPath({ env, platform = process.platform, arch = process.arch }) {
  if (env.NX_AZURE_CACHE_BINARY) return env.NX_AZURE_CACHE_BINARY;

  const name = `@nx-azure-cache/${platform}-${arch}`;
  if (!(name in platformPackages)) {
    throw unsupported(platform, arch);
  }
  const file = platform === 'win32' ? 'nx-azure-cache.exe' : 'nx-azure-cache';
  try {
    return require.resolve(`${name}/bin/${file}`);
  } catch (cause) {
    // Causes: --omit=optional, a lockfile or node_modules from another platform
    // (npm/cli#4828), or a private registry without the package.
    const text =
      `the package ${name} is not installed. Install again on this platform, ` +
      'without --omit=optional; if that does not help, remove node_modules ' +
      'and the entries of @nx-azure-cache from the lockfile first';
    const { binaryMissing } = diagnostics;
    throw withDiagnostic(binaryMissing, new Error(text, { cause }));
  }
}

/**
 * @param {string} platform
 * @param {string} arch
 */
function unsupported(platform, arch) {
  const names = Object.keys(platformPackages);
  if (names.length === 0) {
    const text =
      'this is a source checkout: set NX_AZURE_CACHE_BINARY to the output of `go build ./cmd/nx-azure-cache`';
    return withDiagnostic(diagnostics.binaryMissing, new Error(text));
  }
  const supported = names.map((name) => name.split('/')[1]).join(', ');
  const text = `there is no binary for ${platform}-${arch}; supported platforms: ${supported}`;
  return withDiagnostic(diagnostics.platformNotSupported, new Error(text));
}

exports.binaryPath = binaryPath;
