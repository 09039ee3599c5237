'use strict';

// `explain` in CI, after a run of main that misses what earlier runs at the same commit did not
// leave in its scope.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { readBlob, removeBlob, writeBlob } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { cutRequest, respondWith } = require('../kit/http-faults');
const { patience } = require('../kit/patience');
const { until } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { quickTest: test } = require('../kit/tests');
const {
  assertCauses,
  assertLines,
  clone,
  createProjects,
  explain,
  explainTwice,
  gitHub,
  missesOf,
  quick,
  write,
} = require('./explain-workspace');

/** @import { Exchange } from '../kit/fault-proxy' */

const build = ['run-many', '--target=build'];

/** Writes 300 KB that cannot be compressed. */
const writeLarge = 'head -c 300000 /dev/urandom > $dist/large';

/** Controls a terminal, imitates a link, and has commands of GitHub and Azure Pipelines. */
const hostile =
  '\u001b[2J\u001b]8;;http://evil.example\u0007\r\n::error::forged\n##vso[task.complete]##[error]forged\u009b31m\u202e';

const archived = respondWith(409, { 'x-ms-error-code': 'BlobArchived' });
const notFound = respondWith(404, { 'x-ms-error-code': 'BlobNotFound' });

const generated = { fileset: '{projectRoot}/gen/**/*', includeIgnored: true };

/** @type {Record<string, import('./explain-workspace').Project>} */
const projects = {
  stored: {},
  gone: {},
  large: { script: writeLarge },
  excluded: {},
  failed: {},
  damaged: {},
  refused: {},
  raced: {},
  archived: {},
  fresh: {},
  pull: {},
  developed: {},
  unstable: { inputs: [generated] },
  // A pull request chooses such names.
  hostile: {
    inputs: [{ runtime: `node -p process.env.RELEASE '${hostile}'` }],
  },
};
/** Its result changes while it waits for its upload, because it is the last one. */
projects.changed = { dependsOn: ['stored', 'gone', 'failed', 'large'] };

/**
 * What the second run of main misses.
 *
 * @type {import('./explain-workspace').Expected}
 */
const expected = {
  'gone:build': [
    'gone',
    /gone:build: .*trusted run of .* stored it, and the entry is gone/,
  ],
  'large:build': ['not-stored', /large:build: .*larger than 100KB/],
  'excluded:build': [
    'excluded',
    /excluded:build: azure\.include or azure\.exclude/,
  ],
  'failed:build': ['not-stored', /failed:build: .*connection/],
  'stored:build': [
    'verify',
    /stored:build: azure\.verify treated the hit as a miss, and the result was the same/,
  ],
  'damaged:build': [
    'damaged',
    /damaged:build: its entry must not be used: .*its SHA-256 is/,
  ],
  'archived:build': [
    'unreadable',
    /archived:build: its entry exists, and cannot be read/,
  ],
  'raced:build': [
    'exists',
    /raced:build: its entry existed when the run stored the result/,
  ],
  'refused:build': [
    'lookup-failed',
    /refused:build: the lookup failed: get .*400/,
  ],
  'changed:build': ['not-stored', /changed:build: .*changed/],
  'fresh:build': ['first-time', /fresh:build: first time/],
  'pull:build': ['other-scope', /pull:build: only pr-7 has it/],
  'developed:build': ['other-scope', /developed:build: only local has it/],
  'unstable:build': [
    'ignored-files',
    /unstable:build: same commit, but .*unstable\/gen\/time\.txt/,
  ],
  'hostile:build': [
    'runtime',
    /hostile:build: same commit, but .*process\.env\.RELEASE/,
  ],
};

/** Of these, what a stored record tells: it has no excluded task. */
const {
  'excluded:build': _excluded,
  'unstable:build': _unstable,
  ...inStorage
} = expected;

test('explain says why a result is not in the storage', async (t) => {
  const fixture = await startFixture(t);
  const { container, recorder } = fixture;
  const azure = {
    exclude: ['excluded:build'],
    maxArtifactSize: '100KB',
    records: 'all',
  };
  const first = fixture.machine('first', { azure, env: quick });
  await createProjects(first, projects);
  const pull = clone(fixture, first, 'pull');
  const developer = clone(fixture, first, 'developer');
  const second = clone(fixture, first, 'second');

  const uploads = heldUploads();
  recorder.fault = uploads.fault;
  write(first, 'unstable/gen/time.txt', 'at one');
  const running = run(first, { ...gitHub(first, { run: 1 }), RELEASE: 'one' }, [
    ...['--exclude=fresh,pull,developed', '--parallel=1'],
  ]);
  // Nx writes run.json after the last task. Then the run waits for the uploads.
  await Promise.race([running, until(() => first.cacheDirectory(), patience)]);
  const { hash: changed } = first.lastRun()['changed:build'];
  const result = path.join(first.cacheDirectory() ?? '', changed);
  fs.writeFileSync(path.join(result, 'dist/changed/more'), '');
  uploads.release();
  assert.match(await running, /, 8 stored, /);

  await Promise.all([
    run(pull, gitHub(pull, { run: 2, pull: 7 }), ['--projects=pull']),
    run(developer, {}, ['--projects=developed']),
  ]);
  const tasks = first.lastRun();
  const account = new URL(recorder.endpoint).pathname;
  const { azurite } = shared();
  const entryOf = (/** @type {string} */ task) =>
    `${account}/${container}/v1/trusted/${tasks[task].hash}`;
  await removeBlob(azurite, entryOf('gone:build'));
  const { content, metadata } = await readBlob(
    azurite,
    entryOf('damaged:build'),
  );
  content[content.length >> 1] ^= 1;
  await writeBlob(azurite, entryOf('damaged:build'), content, metadata);
  const asks = (/** @type {Exchange} */ { method, path }, task = '') =>
    method === 'GET' && path.includes(tasks[task].hash);
  recorder.fault = (exchange) => {
    if (asks(exchange, 'refused:build')) return respondWith(400)(exchange);
    // As if another run stored the entry after this request.
    if (asks(exchange, 'raced:build')) return notFound(exchange);
    if (asks(exchange, 'archived:build')) return archived(exchange);
    exchange.pass();
  };

  write(second, 'unstable/gen/time.txt', 'at two');
  const env = gitHub(second, { run: 3 });
  const verify = { NX_AZURE_CACHE_VERIFY: '100%', RELEASE: 'two' };
  await run(second, { ...env, ...verify }, []);
  recorder.fault = ({ pass }) => pass();
  const {
    json,
    text,
    misses: explained,
  } = await explainTwice(second, [], {
    env,
  });
  assertCauses(explained, expected);
  const { run: ran, misses } = JSON.parse(json.stdout);
  const scopes = misses
    .filter((/** @type {any} */ { task }) => /^(pull|developed):/.test(task))
    .map((/** @type {any} */ { causes }) => causes[0].name);
  assert.deepEqual(scopes.sort(), ['local', 'pr-7']);
  assertLines(text, expected);
  for (const shown of [text, json.output]) assertHarmless(shown);

  // A developer explains the run of CI, by its session or its URL.
  const url = 'https://github.com/acme/shop/actions/runs/3';
  const found = [ran.session, url].map((id) =>
    explain(developer, ['--json', '--run', id]),
  );
  for (const there of await Promise.all(found)) {
    assert.equal(JSON.parse(there.stdout).run.session, ran.session);
    assertHarmless(there.output);
    // git knows no ignored files of another machine.
    const { 'unstable:build': unstable, ...others } = missesOf(there);
    assert.equal(unstable.causes[0].unstable, true);
    assertCauses(others, inStorage);
  }
  const missing = await explain(developer, ['--run', '4'], { code: 1 });
  assert.match(missing.output, /no record of the run 4/);
});

/**
 * Asserts that an output controls no terminal and has no commands of a CI.
 *
 * @param {string} text
 */
function assertHarmless(text) {
  assert.doesNotMatch(text, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
  assert.doesNotMatch(text, /^\s*::|##[\w.-]*\[/m);
}

/**
 * @param {import('../kit/machine').Machine} machine
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} args
 */
async function run(machine, env, args) {
  const { code, output } = await machine.nx([...build, ...args], { env });
  assert.equal(code, 0, output);
  return output;
}

/** Holds all uploads until `release`, and then lets that of failed:build fail. */
function heldUploads() {
  /** @type {(() => void)[] | undefined} */
  let held = [];
  return {
    /** @param {Exchange} exchange */
    fault(exchange) {
      if (exchange.method !== 'PUT') return exchange.pass();
      const isFailing = taskOf(exchange) === 'failed:build';
      const proceed = () =>
        isFailing ? cutRequest(exchange) : exchange.pass();
      if (held) held.push(proceed);
      else proceed();
    },
    release() {
      const all = held ?? [];
      held = undefined;
      for (const proceed of all) proceed();
    },
  };
}

/**
 * The task whose result a request stores.
 *
 * @param {Exchange} exchange
 */
function taskOf({ request }) {
  const statement = request.headers['x-ms-meta-statement'];
  if (typeof statement !== 'string') return undefined;
  return JSON.parse(Buffer.from(statement, 'base64').toString()).provenance
    .task;
}
