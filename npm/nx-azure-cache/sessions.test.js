'use strict';

// The sessions of testdata/rpc that are for the client: see the README there.

const { describe, test } = require('node:test');
const { runAgainstClient } = require('./testing/sessions/client-run');
const { loadSessions } = require('./testing/sessions/parse');

const sessions = loadSessions().filter(({ audience }) => audience !== 'server');
if (sessions.length === 0) throw new Error('there is no session for a client');

describe('sessions', { concurrency: 4 }, () => {
  for (const session of sessions) {
    test(session.name, (t) => runAgainstClient(t, session));
  }
});
