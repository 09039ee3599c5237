'use strict';

// The Go programs that many test files run. Linking one takes seconds of CPU, so `npm test`
// links each once, and the test files find them through a variable. A test file that runs
// alone builds its own.

const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('./cleanup');

/** Holds the folder of the built programs. */
const variable = 'KIT_PROGRAMS';

/**
 * Makes a program: from the one that is built, or with `build`.
 *
 * @param {string} file path of the program; its name says which one it is
 * @param {(file: string) => Promise<unknown>} build
 */
async function provide(file, build) {
  const built = process.env[variable];
  if (!built) {
    await build(file);
    return file;
  }
  fs.mkdirSync(path.dirname(file), { recursive: true }); // as `go build` does
  fs.copyFileSync(path.join(built, path.basename(file)), file);
  return file;
}

/**
 * Builds programs for other processes.
 *
 * @param {((folder: string) => Promise<unknown>)[]} builds
 * @returns {Promise<NodeJS.ProcessEnv>} the variable that passes them on
 */
async function provideToOthers(...builds) {
  const folder = temporaryFolder('programs');
  await Promise.all(builds.map((build) => build(folder)));
  return { [variable]: folder };
}

exports.provide = provide;
exports.provideToOthers = provideToOthers;
