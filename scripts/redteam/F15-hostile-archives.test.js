'use strict';

// Archives that try to write outside their folder. They are in the trusted scope and signed
// with main's key, so only the reader can stop them. Each has its own project, so two runs
// of Nx test all of them.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { writeBlob } = require('../kit/azurite');
const { run } = require('../kit/run');
const { escapedFiles } = require('../kit/escaped-files');
const {
  folder: uploadsFolder,
  uploads,
  withHash,
  zstd,
} = require('../kit/archives');
const { runNx } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');
const { bombs } = require('./bombs');
const { statementOf } = require('./artifacts');
const { redTest } = require('./attacks');
const { sign } = require('./envelopes');
const { startFixture } = require('./fixture');
const { push } = require('./runs');
const { metadataOf } = require('./storage');
const { writeProjects } = require('./workspace');

/** @import { Machine } from '../kit/machine' */
/** @import { Fixture } from './fixture' */

/** An archive like the others, but harmless: it must be a hit. */
const control = 'backslash';

const tarOf = (/** @type {string} */ name) =>
  path.join(uploadsFolder, `${name}.tar`);

/** @type {Record<string, (hash: string) => Buffer>} */
const archives = {};
for (const name of uploads) {
  if (name !== control && !name.startsWith('hostile-')) continue;
  const tar = fs.readFileSync(tarOf(name));
  archives[name] = (hash) => zstd(withHash(tar, hash));
}
Object.assign(archives, bombs);

/** Why a reader must reject archives that are not malformed. @type {Record<string, string>} */
const reasons = {
  'bomb-a-file-of-a-terabyte': 'it unpacks to more bytes than allowed',
  'bomb-an-extended-header-of-a-gigabyte':
    'an extended header has 1073741824 bytes',
  'bomb-a-gigabyte-after-its-end': 'data after the end of the tar',
};
assert.deepEqual(Object.keys(bombs).sort(), Object.keys(reasons).sort());

const names = Object.keys(archives);
const args = ['run-many', '--target=make'];

redTest('F15_hostile_archives_signed_by_main', async (t) => {
  await assertEscapes(t.name);
  const fixture = await startFixture(t, { isSigned: true });
  const make = (/** @type {string} */ name) => {
    const machine = fixture.trustedMachine(name, push('main'));
    writeProjects(machine, names);
    return machine;
  };
  const first = make('first');
  await runNx(first, args);
  const run = first.lastRun();
  await replaceAll(fixture, run);

  const victim = make('victim');
  const before = escapedFiles(victim);
  const log = path.join(path.dirname(victim.home), 'log');
  const env = { NX_AZURE_CACHE_LOG: 'debug', NX_AZURE_CACHE_LOG_FILE: log };
  await runNx(victim, args, { env });
  const messages = fs.readFileSync(log, 'utf8').split('\n');
  const results = victim.lastRun();
  for (const name of names) {
    const { cacheStatus, hash } = results[`${name}:make`];
    await t.test(name, () => {
      if (name === control) {
        assert.equal(cacheStatus, 'remote-cache-hit');
        return;
      }
      assert.equal(cacheStatus, 'cache-miss');
      const why = reasons[name] ?? 'archive rejected: ';
      const isRefused = messages.some(
        (text) =>
          text.includes(`${hash} cannot be used: `) && text.includes(why),
      );
      assert.ok(isRefused, messages.join('\n'));
    });
  }
  assert.deepEqual(escapedFiles(victim), before);
});

/**
 * Replaces the results of a run with the archives, signed.
 *
 * @param {Fixture} fixture
 * @param {ReturnType<Machine['lastRun']>} run
 */
async function replaceAll({ container, key }, run) {
  for (const name of names) {
    const { hash } = run[`${name}:make`];
    const content = archives[name](hash);
    const statement = { ...statementOf(content), hash };
    const metadata = { ...metadataOf(content), dsse: sign(statement, key) };
    const blob = `/account/${container}/v1/trusted/${hash}`;
    await writeBlob(shared().azurite, blob, content, metadata);
  }
}

/**
 * Asserts that such an archive escapes a reader that trusts it.
 *
 * @param {string} name of a new folder
 */
async function assertEscapes(name) {
  const folder = path.join(shared().folder, name);
  const inner = path.join(folder, 'outputs-go-here');
  fs.mkdirSync(inner, { recursive: true });
  const archive = tarOf('hostile-a-name-that-leaves-far');
  fs.mkdirSync(path.join(inner, 'x/y/outputs/a'), { recursive: true });
  await run('tar', ['-xPf', archive, '-C', path.join(inner, 'x/y')]);
  assert.ok(fs.existsSync(path.join(inner, 'evil')), 'nothing has left x/y');
  fs.rmSync(folder, { recursive: true });
}
