'use strict';

// The sessions of testdata/rpc for the client; see the README there.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const {
  runAgainstClient,
} = require('../../../scripts/kit/sessions/client-run');
const {
  loadSessions,
  parseSession,
} = require('../../../scripts/kit/sessions/parse');
const shimTests = require('./fixture');

const sessions = loadSessions().filter(({ audience }) => audience !== 'server');
if (sessions.length === 0) throw new Error('no session is for the client');

describe('sessions against the client', { concurrency: 4 }, () => {
  for (const session of sessions) {
    test(session.name, (t) => runAgainstClient(t, session, shimTests));
  }
});

describe('a session fails', { concurrency: 4 }, () => {
  const head = '# x\nfor client\n> 1 initialize {...}\n< 1 {...}\n';
  const retrieve =
    '> 2 retrieve {"hash": "1", "cacheDirectory": "${cacheDirectory}"}\n';
  /** @type {Record<string, [string, RegExp]>} */
  const failing = {
    'when Nx gets something else': [
      `${retrieve}< 2 null\nnx 2 {...}\n`,
      /x:5: nx 2: want .*, got null/,
    ],
    'when the cache should be off': ['nx 1 off\n', /x:3: .*"off", got "on"/],
    'when a line is missing': [
      'nx says "${contains help}"\n',
      /x:5: want the line .*help.*, got \[\]/,
    ],
    'when there is an additional line': [
      '< log {"level": "warn", "message": "help"}\n',
      /x: unexpected lines/,
    ],
    'when the client sends something else': [
      `${retrieve.replace('"hash"', '"mood": "good", "hash"')}< close\n`,
      /x:5: the request is different:\n {2}params.mood: want "good"/,
    ],
    'when Nx has no such call': ['> 2 shutdown\n', /x:5: no call of Nx/],
  };
  for (const [how, [lines, message]] of Object.entries(failing)) {
    test(how, async (t) => {
      const session = parseSession('x', head + lines);
      await assert.rejects(runAgainstClient(t, session, shimTests), message);
    });
  }
});
