'use strict';

// In CI, a line about a problem is the CI's annotation, and no string from elsewhere becomes
// a command of the CI.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { formatOf } = require('../lib/annotations');
const {
  assertOneLine,
  fakeServer,
  open,
  runAsNx,
  temporaryFolder,
} = require('./fixture');

/** @import { FakeServer } from './fake-server' */

const problem = {
  line: 'nx-azure-cache: 100% wrong, a: b; [c] (NXAC012: https://e.x/#nxac012)',
  code: 'NXAC012',
  isProblem: true,
};
const note = { line: 'nx-azure-cache: 1 hit', code: '', isProblem: false };

/** @type {[string, NodeJS.ProcessEnv, string][]} */
const formats = [
  [
    'GitHub',
    { GITHUB_ACTIONS: 'true' },
    '::warning title=nx-azure-cache NXAC012::nx-azure-cache: 100%25 wrong, a: b; [c] (NXAC012: https://e.x/#nxac012)\n',
  ],
  [
    'Azure Pipelines',
    { TF_BUILD: 'True' },
    '##vso[task.logissue type=warning;code=NXAC012]nx-azure-cache: 100%AZP25 wrong, a: b%3B [c%5D (NXAC012: https://e.x/#nxac012)\n',
  ],
  [
    'GitLab',
    { GITLAB_CI: 'true' },
    '\x1b[0Ksection_start:TIME:nx_azure_cache_PID\r\x1b[0KProblems of the remote cache (nx-azure-cache): 1\n' +
      `${problem.line}\n` +
      '\x1b[0Ksection_end:TIME:nx_azure_cache_PID\r\x1b[0K\n',
  ],
  ['another CI', { CI: 'true', JENKINS_URL: 'x' }, `${problem.line}\n`],
  ['no CI', { GITHUB_ACTIONS: '', GITLAB_CI: 'false' }, `${problem.line}\n`],
];

describe('the format of', () => {
  for (const [name, env, want] of formats) {
    test(name, () => {
      const format = formatOf(env);
      const got = format([problem, note])
        .replace(/(section_\w+:)\d{10}:/g, '$1TIME:')
        .replaceAll(`_${process.pid}`, '_PID');
      assert.equal(got, `${want}${note.line}\n`);
      assert.equal(format([note]), `${note.line}\n`);
    });
  }

  test('a line without a code', () => {
    const line = { ...problem, line: 'nx-azure-cache: a', code: '' };
    assert.equal(
      formatOf({ GITHUB_ACTIONS: 'true' })([line]),
      '::warning title=nx-azure-cache::nx-azure-cache: a\n',
    );
    assert.equal(
      formatOf({ TF_BUILD: 'True' })([line]),
      '##vso[task.logissue type=warning]nx-azure-cache: a\n',
    );
  });

  test('no line end and no separator of a title gets through', () => {
    const line = { line: 'a\r\nb', code: '%,:\r\nb', isProblem: true };
    assert.equal(
      formatOf({ GITHUB_ACTIONS: 'true' })([line]),
      '::warning title=nx-azure-cache %25%2C%3A%0D%0Ab::a%0D%0Ab\n',
    );
  });
});

const commands = [
  '##vso[task.setvariable variable=PATH]/tmp/x',
  '##[add-path]/tmp/x',
  '\n::set-env name=NODE_OPTIONS::--require=/tmp/x',
  '\r::stop-commands::x',
  '\u2028::add-mask::a',
  '##teamcity[buildStatus]',
  '\x1b[0Ksection_start:1:x\r\x1b[0K',
].join(' ');

/**
 * A server whose line, log and error hold commands, as the names in a repository may.
 *
 * @param {FakeServer} server
 * @param {string} commands
 */
function talkative(server, commands) {
  server.on('retrieve', (_, respond) => {
    server.notify('log', {
      level: 'warn',
      message: `branch ${commands} is unknown`,
    });
    process.stderr.write(`DBG ${commands}\n::add-path::/tmp/x\n`);
    respond.error(1, commands);
  });
}

/** @param {import('./fixture').Nx} nx */
async function retrieve({ open, cacheDirectory }) {
  const cache = await open();
  await cache.retrieve('h', cacheDirectory);
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** The commands that each CI finds in a line; lib/annotations.js names its parsers. */
const parsers = {
  GITHUB_ACTIONS: (/** @type {string} */ line) => [
    ...(/^\s*::\S+.*?::/.exec(line) ?? []),
    ...(/##\[.*?\]/.exec(line) ?? []),
  ],
  TF_BUILD: (/** @type {string} */ line) => [
    ...(/##vso\[.*?\]/.exec(line) ?? []),
    ...(/##\[.*?\]/.exec(line) ?? []),
  ],
  GITLAB_CI: (/** @type {string} */ line) =>
    line.match(/section_\w+:\d+:\w+\r\x1b\[0K/g) ?? [],
  TEAMCITY_VERSION: (/** @type {string} */ line) =>
    line.match(/##teamcity\[.*?\]/g) ?? [],
};

describe('a run in CI', { concurrency: 2 }, () => {
  for (const [name, commandsIn] of Object.entries(parsers)) {
    test(`${name}: no other string is a command`, async (t) => {
      const binary = fakeServer(t, talkative, commands);
      const { stderr } = await runAsNx(t, retrieve, {
        env: { [name]: 'true', NX_AZURE_CACHE_LOG: 'debug' },
        ...{ binary, exit: 0 },
      });
      assert.match(stderr, /^DBG /m);
      assert.match(stderr, /branch .* is unknown/);
      const found = stderr.split(/[\n\v\f\u2028]/).flatMap(commandsIn);
      const ours = {
        GITHUB_ACTIONS: [
          '::warning title=nx-azure-cache::',
          '::warning title=nx-azure-cache NXAC057::',
        ],
        TF_BUILD: [
          '##vso[task.logissue type=warning]',
          '##vso[task.logissue type=warning;code=NXAC057]',
        ],
        GITLAB_CI: ['start', 'end'],
        TEAMCITY_VERSION: [],
      }[name];
      const short = found.map((it) => /section_(\w+):/.exec(it)?.[1] ?? it);
      assert.deepEqual(short, ours, stderr);
    });
  }

  test('an annotation is the only line about a problem', async (t) => {
    const { lines } = await runAsNx(t, open, {
      binary: '/nowhere',
      env: { GITHUB_ACTIONS: 'true' },
    });
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(
      lines[0],
      /^::warning title=nx-azure-cache NXAC004::nx-azure-cache: the remote cache is off: /,
    );
  });

  test('a checkout does not turn lines into commands', async (t) => {
    const workspace = temporaryFolder(t);
    const variables = ['GITHUB_ACTIONS', 'TF_BUILD', 'GITLAB_CI'];
    fs.writeFileSync(
      path.join(workspace, '.env'),
      variables.map((name) => `${name}=true\n`).join(''),
    );
    const { lines } = await runAsNx(
      t,
      async ({ getRemoteCache }, variables) => {
        for (const name of variables) process.env[name] = 'true'; // as Nx does
        await getRemoteCache();
      },
      { ...{ workspace, args: variables }, binary: '/nowhere' },
    );
    assertOneLine(lines, ': the remote cache is off: ');
  });

  test('a task writes no annotation', async (t) => {
    const file = path.join(temporaryFolder(t), 'log');
    const { stderr } = await runAsNx(t, open, {
      binary: '/nowhere',
      env: {
        ...{ GITHUB_ACTIONS: 'true', NX_TASK_HASH: '1' },
        NX_AZURE_CACHE_LOG_FILE: file,
      },
    });
    assert.equal(stderr, '');
    assert.match(fs.readFileSync(file, 'utf8'), /^nx-azure-cache: .*\n$/);
  });
});
