'use strict';

// npm run fixtures [-- --server PATH | --race] [NAME …]
// npm run fixtures -- --record FILE
//
// Runs the sessions of testdata/rpc, or those whose names contain a NAME, against a server
// program over its stdio: without --server the server of this source, with --race built with
// the race detector. With --record it writes a new session, from the messages of real Nx on two machines.

const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { runMain, temporaryFolder } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { loadSessions } = require('./kit/sessions/parse');
const { buildServer, programsFor } = require('./kit/sessions/programs');
const { runAgainstServer } = require('./kit/sessions/server-run');

/** @import { Session } from './kit/sessions/parse' */
/** @import { Programs } from './kit/sessions/server-run' */

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: 'string' },
      race: { type: 'boolean' },
      record: { type: 'string' },
    },
  });
  await install();
  if (values.record !== undefined) {
    if (values.server || values.race || positionals.length > 0) {
      throw new Error('--record FILE takes no other option and no NAME');
    }
    const { record } = require('./kit/sessions/record');
    return record(values.record);
  }
  if (values.server && values.race) {
    throw new Error('--race builds a server: leave out --server');
  }
  // Before the build, so that a mistake in a session shows at once.
  const sessions = loadSessions(positionals).filter(
    ({ audience }) => audience !== 'client',
  );
  if (sessions.length === 0) {
    throw new Error(
      'these sessions are for the client: npm/nx-azure-cache/test/sessions.test.js runs them',
    );
  }
  const folder = temporaryFolder('fixtures');
  const server = values.server
    ? path.resolve(values.server)
    : await build(folder, values.race);
  return runAll(await programsFor(server, folder), sessions);
}

/**
 * @param {string} folder
 * @param {boolean | undefined} race
 */
function build(folder, race) {
  console.log('Building the server …');
  return buildServer(folder, race ? 'race' : 'release');
}

/**
 * @param {Programs} programs
 * @param {Session[]} sessions
 */
async function runAll(programs, sessions) {
  const { server, version } = programs;
  console.log(`${sessions.length} sessions against ${server} ${version}`);
  const started = performance.now();
  const waiting = [...sessions];
  /** @type {Error[]} */
  const failures = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const error = await runAgainstServer(programs, next).then(
        () => undefined,
        (err) => err,
      );
      console.log(`${error ? '✗' : '✔'} ${next.name}`);
      if (error) failures.push(error);
    }
  };
  // Sessions mostly wait, so there may be more than cores.
  await Promise.all(Array.from({ length: 2 * os.cpus().length }, worker));
  for (const { message } of failures) console.error(`\n${message}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `\n${sessions.length - failures.length} passed, ${failures.length} failed (${seconds} s)`,
  );
  return failures.length === 0 ? 0 : 1;
}

runMain(main);
