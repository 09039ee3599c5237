'use strict';

// Whatever is wrong, the run ends as without a cache: with exit code 0 and all outputs. One line
// reports the problem and its fix.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { quickTest: test } = require('../kit/tests');
const { connectionString, rewriteBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { build, runNx } = require('../kit/nx-runs');
const { freePort } = require('../kit/server');
const { shared } = require('../kit/shared');
const { assertUndisturbed } = require('./undisturbed');

test('the storage does not exist', async (t) => {
  const { machine } = await startFixture(t);
  const env = {
    AZURE_STORAGE_CONNECTION_STRING: connectionString(await freePort()),
  };
  await assertUndisturbed(
    machine('a', { env }),
    /the remote cache failed, the tasks run without it: .*connection refused/,
  );
});

test('the container does not exist', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await assertUndisturbed(
    machine('a', { azure: { container: 'not-there' } }),
    /the remote cache failed, .*container "not-there" does not exist .*create it/,
  );
  const requests = new Set(recorder.take());
  assert.deepEqual(requests, new Set(['GET 404', 'PUT 404']));
});

test('all problems in nx.json are reported at once', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const azure = { container: 'Not_Valid', ciMode: 5, localMode: 'sometimes' };
  await assertUndisturbed(
    machine('a', { azure }),
    /azure\.ciMode .*string.*azure\.container .*"Not_Valid".*azure\.localMode .*"sometimes".*read-only/,
  );
  assert.deepEqual(recorder.take(), []);
});

test('damaged entries are not restored', async (t) => {
  const { container, machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  await rewriteBlobs(shared().azurite, container, (content) =>
    content.subarray(0, -1),
  );
  recorder.take();
  await assertUndisturbed(
    machine('b'),
    /nx-azure-cache: the stored entry \d+ cannot be used: .*; its task ran/,
  );
});

test('a result that cannot be stored is reported in one line', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a');
  fs.writeFileSync(
    path.join(a.workspace, 'tools', 'build.js'),
    `fs = require('node:fs');
     fs.mkdirSync('dist/words', { recursive: true });
     fs.symlinkSync('words/../words', 'dist/words/link');`,
  );
  const lines = await runNx(a, ['run', 'words:build']);
  assert.equal(lines.length, 1);
  assert.match(
    lines[0],
    /the result \d+ cannot be stored: .*dist\/words\/link.* has "\.\." after a name/,
  );
  assert.deepEqual(
    recorder.take(),
    ['GET 404', 'GET 404'],
    'one request in each scope',
  );
});

/** @type {{ name: string, script: string, line: RegExp }[]} */
const children = [
  {
    name: 'exits at once',
    script: '#!/bin/sh\necho "cannot do it" >&2\nexit 7\n',
    line: /the remote cache is off: .*exited with code 7: cannot do it/,
  },
  {
    name: 'never responds',
    script: '#!/bin/sh\nexec sleep 60\n',
    line: /the remote cache is off: .* was stopped: it has not responded for 10 s/,
  },
  {
    name: 'has another version',
    script: server({ serverVersion: '9.9.9' }),
    line: /the remote cache is off: .* its binary is 9\.9\.9: install again/,
  },
  {
    name: 'exits at the first request',
    script: server({ serverVersion: require('../../package.json').version }),
    line: /the tasks run without it: the cache process exited with code 3/,
  },
];

/**
 * A binary that responds to `initialize`, and exits at the next request.
 *
 * @param {{ serverVersion: string }} options
 */
function server({ serverVersion }) {
  const result = {
    ...{ enabled: true, reason: '', mode: 'read-write', tasks: false },
    ...{ scope: 'local', scopeReason: '', location: 'https://a.example/c' },
    ...{ session: '1-aaaaaaaa', idleTimeout: 10_000, drain: 1_000 },
    serverVersion,
  };
  return `#!/usr/bin/env node
    process.stdin.once('data', () => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 0, result: ${JSON.stringify(result)} });
      process.stdout.write('Content-Length: ' + body.length + '\\r\\n\\r\\n' + body);
      process.stdin.once('data', () => process.exit(3));
    });`;
}

for (const { name, script, line } of children) {
  test(`a binary that ${name}`, async (t) => {
    const { machine } = await startFixture(t);
    const a = machine('a');
    const file = path.join(a.home, 'child');
    fs.writeFileSync(file, script, { mode: 0o755 });
    a.env.NX_AZURE_CACHE_BINARY = file;
    await assertUndisturbed(a, line);
  });
}

test('the platform package is not installed', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a');
  const scope = path.join(a.workspace, 'node_modules', '@nx-azure-cache');
  fs.rmSync(scope, { recursive: true });
  await assertUndisturbed(
    a,
    /the package @nx-azure-cache\/\S+ is not installed\. Install again .*--omit=optional/,
  );
});
