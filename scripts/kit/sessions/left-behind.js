'use strict';

// What the servers of a session have left behind: files in cache directories, and reports of
// the race detector.

const fs = require('node:fs');
const path = require('node:path');

/** The start of the names of the race detector's reports. */
const raceReport = 'race';

/**
 * The value of GORACE for a server: reports go to its working directory. By default the
 * detector sleeps for a second before a process exits, and there are 200.
 */
const raceOptions = `log_path=${raceReport} atexit_sleep_ms=100`;

/**
 * Fails if the race detector has reported a race in any process.
 *
 * @param {string} file of the session
 * @param {string} folder in which the servers ran
 * @param {Error} [failure] of the session
 */
function checkRaces(file, folder, failure) {
  const reports = fs
    .readdirSync(folder)
    .filter((name) => name.startsWith(`${raceReport}.`))
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  if (reports.length === 0) return;
  const also = failure ? [failure.message] : [];
  throw new Error(
    [`${file}: the race detector reports`, ...reports, ...also].join('\n'),
    { cause: failure },
  );
}

/**
 * Fails if servers have left files in a cache directory.
 *
 * @param {string} file of the session
 * @param {string} cacheDirectory
 * @param {boolean} hasRecord whether there was a record: its folder stays, although
 *   `expect record` has removed the record
 */
function checkLeftovers(file, cacheDirectory, hasRecord) {
  const left = fs
    .readdirSync(cacheDirectory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.startsWith('.nx-azure-cache'))
    .filter((name) => name !== '.nx-azure-cache' || !hasRecord);
  if (left.length > 0) {
    throw new Error(`${file}: at the end: left behind: ${left.join(', ')}`);
  }
}

exports.checkLeftovers = checkLeftovers;
exports.checkRaces = checkRaces;
exports.raceOptions = raceOptions;
