'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { buildBinary, platforms } = require('../../build');
const { buildBlobService } = require('../blob-service');
const { run } = require('../run');

/** @import { Programs } from './server-run' */

/**
 * Builds our server from this source.
 *
 * @param {string} folder
 * @param {{ race?: boolean }} [options] race: with Go's race detector
 * @returns {Promise<string>} its path
 */
async function buildServer(folder, { race = false } = {}) {
  const file = path.join(folder, 'nx-azure-cache');
  if (race) {
    // With the flags of `go test -race ./...`, so that nothing is compiled twice.
    await run('go', ['build', '-race', '-o', file, './cmd/nx-azure-cache']);
    return file;
  }
  const platform = platforms.find(
    ({ os, cpu }) => os === process.platform && cpu === process.arch,
  );
  if (!platform) {
    throw new Error(
      `npm/platforms.json has no ${process.platform}-${process.arch}`,
    );
  }
  await buildBinary(file, platform);
  return file;
}

/**
 * Prepares to run sessions against a server.
 *
 * @param {string} server path of the program
 * @param {string} folder for what has to be built
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
