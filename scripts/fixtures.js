'use strict';

// npm run fixtures [-- --server PATH] [NAME …]
// npm run fixtures -- --record FILE
//
// Runs the sessions of testdata/rpc, or those whose names contain a NAME,
// against a server program over its stdio; without --server against this
// platform's binary, which it builds. With --record it writes what real Nx says
// on two machines to a new session.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { buildBinary, platforms } = require('./build');
const { runAgainstServer } = require('./kit/sessions/server-run');
const { runMain, temporaryFolder } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { run } = require('./kit/run');
const { loadSessions } = require('./kit/sessions/parse');

/** @import { Session } from './kit/sessions/parse' */

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { server: { type: 'string' }, record: { type: 'string' } },
  });
  await install();
  if (values.record !== undefined) {
    if (values.server !== undefined || positionals.length > 0) {
      throw new Error('--record FILE stands alone');
    }
    const { record } = require('./kit/sessions/record');
    return record(values.record);
  }
  // Before the building: a mistake in a session should show at once.
  const sessions = loadSessions(positionals).filter(
    ({ audience }) => audience !== 'client',
  );
  if (sessions.length === 0) {
    throw new Error(
      'these sessions are for the client: npm test -- js runs them',
    );
  }
  const server = path.resolve(values.server ?? (await build()));
  return runAll(server, sessions);
}

/** Builds this platform's binary, and resolves to its path. */
async function build() {
  const platform = platforms.find(
    ({ os, cpu }) => os === process.platform && cpu === process.arch,
  );
  if (!platform) {
    throw new Error(
      `npm/platforms.json has no ${process.platform}-${process.arch}`,
    );
  }
  console.log('Building the binary …');
  const file = path.join(temporaryFolder('fixtures'), 'nx-azure-cache');
  await buildBinary(file, platform);
  return file;
}

/**
 * @param {string} server
 * @param {Session[]} sessions
 */
async function runAll(server, sessions) {
  if (!fs.existsSync(server)) throw new Error(`there is no ${server}`);
  const { stdout } = await run(server, ['version']);
  const version = stdout.trim().split(' ').at(-1) ?? '';
  console.log(`${sessions.length} sessions against ${server} ${version}`);
  const started = performance.now();
  const waiting = [...sessions];
  /** @type {Error[]} */
  const failures = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const error = await runAgainstServer(server, version, next).then(
        () => undefined,
        (err) => err,
      );
      console.log(`${error ? '✗' : '✔'} ${next.name}`);
      if (error) failures.push(error);
    }
  };
  // Most of a session is waiting.
  await Promise.all(Array.from({ length: 2 * os.cpus().length }, worker));
  for (const { message } of failures) console.error(`\n${message}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `\n${sessions.length - failures.length} passed, ${failures.length} failed (${seconds} s)`,
  );
  return failures.length === 0 ? 0 : 1;
}

runMain(main);
