'use strict';

// `explain` in CI, after a run of main that misses what earlier runs at the same commit did not
// leave in its scope.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { removeBlob } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { respondWith } = require('../kit/http-faults');
const { until } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { quickTest: test } = require('../kit/tests');
const { recordCalls } = require('../faults/nx-calls');
const {
  assertCauses,
  clone,
  createProjects,
  explain,
  gitHub,
  missesOf,
  write,
} = require('./explain-workspace');

/** @import { Exchange } from '../kit/fault-proxy' */

const build = ['run-many', '--target=build'];

/** Writes 300 KB that cannot be compressed. */
const writeLarge = `fs.writeFileSync(dist + '/large', require('node:crypto').randomBytes(300_000));`;

const generated = { fileset: '{projectRoot}/gen/**/*', includeIgnored: true };

/** @type {Record<string, import('./explain-workspace').Project>} */
const projects = {
  stored: {},
  gone: {},
  large: { script: writeLarge },
  excluded: {},
  failed: {},
  fresh: {},
  pull: {},
  developed: {},
  unstable: { inputs: [generated] },
};
/** Its result changes while it waits for its upload, because it is the last one. */
projects.changed = { dependsOn: ['stored', 'gone', 'failed', 'large'] };

/** What the second run of main misses, and why. */
const causes = {
  'gone:build': ['gone'],
  'large:build': ['not-stored'],
  'excluded:build': ['excluded'],
  'failed:build': ['not-stored'],
  'fresh:build': ['first-time'],
  'pull:build': ['other-scope'],
  'developed:build': ['other-scope'],
  'unstable:build': ['ignored-files'],
  'changed:build': ['not-stored'],
};

test('explain says why a result is not in the storage', async (t) => {
  const fixture = await startFixture(t);
  const { container, recorder } = fixture;
  const azure = {
    exclude: ['excluded:build'],
    maxArtifactSize: '100KB',
    records: 'all',
  };
  const first = fixture.machine('first', { azure });
  await createProjects(first, projects);
  const pull = clone(fixture, first, 'pull');
  const developer = clone(fixture, first, 'developer');
  const second = clone(fixture, first, 'second');

  const uploads = heldUploads();
  recorder.fault = uploads.fault;
  recordCalls(first, hooks);
  write(first, 'unstable/gen/time.txt', 'at one');
  const running = run(first, gitHub(first, { run: 1 }), [
    ...['--exclude=fresh,pull,developed', '--parallel=1'],
  ]);
  await Promise.race([
    running,
    until(() => fs.existsSync(path.join(first.home, 'changed')), 60_000),
  ]);
  uploads.release();
  assert.match(await running, /, 3 stored, /);
  recorder.fault = ({ pass }) => pass();

  await run(pull, gitHub(pull, { run: 2, pull: 7 }), ['--projects=pull']);
  await run(developer, {}, ['--projects=developed']);
  const { hash } = first.lastRun()['gone:build'];
  const account = new URL(recorder.endpoint).pathname;
  const { azurite } = shared();
  await removeBlob(azurite, `${account}/${container}/v1/trusted/${hash}`);

  write(second, 'unstable/gen/time.txt', 'at two');
  const env = gitHub(second, { run: 3 });
  await run(second, env, []);
  const json = await explain(second, ['--json'], { env });
  console.log(json.stdout);
  const { stdout } = await explain(second, [], { env });
  console.log(stdout);
  assertCauses(missesOf(json), causes);
});

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
  const fail = respondWith(500);
  /** @type {(() => void)[] | undefined} */
  let held = [];
  return {
    /** @param {Exchange} exchange */
    fault(exchange) {
      if (exchange.method !== 'PUT') return exchange.pass();
      const isFailing = taskOf(exchange) === 'failed:build';
      const proceed = () => (isFailing ? fail(exchange) : exchange.pass());
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

/** Runs in Nx's process. */
const hooks = {
  /**
   * Changes the result of changed:build in Nx's cache.
   *
   * @param {string} hash
   * @param {string} cacheDirectory
   */
  afterStore(hash, cacheDirectory) {
    const fs = require('node:fs');
    const folder = `${cacheDirectory}/${hash}/dist/changed`;
    if (!fs.existsSync(folder)) return;
    fs.writeFileSync(`${folder}/more`, '');
    fs.writeFileSync(`${process.env.HOME}/changed`, '');
  },
};
