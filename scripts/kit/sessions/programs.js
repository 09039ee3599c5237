'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { buildBinary, platforms } = require('../../build');
const { buildBlobService } = require('../blob-service');
const { go } = require('../go');
const { provide } = require('../programs');
const { run } = require('../run');

/** @import { Programs } from './server-run' */

/**
 * How to build: as a release; without a version, as the shim of this source expects; or with
 * Go's race detector.
 *
 * @typedef {'release' | 'development' | 'race'} Kind
 */

/**
 * Builds our server from this source.
 *
 * @param {string} folder
 * @param {Kind} [kind]
 * @returns {Promise<string>} its path
 */
async function buildServer(folder, kind = 'release') {
  const file = path.join(folder, 'nx-azure-cache');
  if (kind === 'release') await buildBinary(file, thisPlatform());
  // With the flags of the release, or of `go test -race`, so that Go compiles nothing twice.
  else if (kind === 'race') await go(['build', '-race', ...server(file)]);
  else await provide(file, (file) => go(['build', ...server(file)]));
  return file;
}

/** @param {string} file */
const server = (file) => ['-o', file, './cmd/nx-azure-cache'];

function thisPlatform() {
  const platform = platforms.find(
    ({ os, cpu }) => os === process.platform && cpu === process.arch,
  );
  if (platform) return platform;
  throw new Error(
    `npm/platforms.json has no ${process.platform}-${process.arch}`,
  );
}

/**
 * Prepares to run sessions against a server.
 *
 * @param {string} server path of the program
 * @param {string} folder for the programs to build
 * @returns {Promise<Programs>}
 */
async function programsFor(server, folder) {
  if (!fs.existsSync(server)) throw new Error(`there is no ${server}`);
  const { stdout } = await run(server, ['version']);
  const version = stdout.trim().split(' ').at(-1) ?? '';
  return { server, version, blobService: await buildBlobService(folder) };
}

exports.buildServer = buildServer;
exports.programsFor = programsFor;
