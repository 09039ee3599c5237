'use strict';

// Azure Pipelines shows the summary of a run only after a command that names its file.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { uploadSummary } = require('../lib/annotations');
const { retrieve } = require('./drain-fixture');
const { fakeServer, runAsNx, temporaryFolder } = require('./fixture');

/** @import { TestContext } from 'node:test' */
/** @import { Options } from './fixture' */

/** The name of the summary of the fake server's session. */
const name = 'nx-azure-cache-4711-fake.md';

/**
 * The commands that a run in Azure Pipelines prints to upload a summary.
 *
 * @param {TestContext} t
 * @param {string} folder AGENT_TEMPDIRECTORY
 * @param {Options} [options]
 */
async function uploadsOf(t, folder, { env, ...options } = {}) {
  const binary = fakeServer(t);
  const { stderr } = await runAsNx(t, retrieve, {
    env: {
      ...{ CI: 'true', TF_BUILD: 'True', AGENT_TEMPDIRECTORY: folder },
      ...env,
    },
    ...{ binary, exit: 0, ...options },
  });
  return stderr
    .split('\n')
    .filter((line) => line.includes('task.uploadsummary'));
}

describe('in Azure Pipelines', { concurrency: 2 }, () => {
  test('a summary is uploaded', async (t) => {
    const folder = temporaryFolder(t);
    fs.writeFileSync(path.join(folder, name), '### x\n');
    assert.deepEqual(await uploadsOf(t, folder), [
      `##vso[task.uploadsummary]${path.join(folder, name)}`,
    ]);
  });

  test('no summary is uploaded if there is none', async (t) => {
    assert.deepEqual(await uploadsOf(t, temporaryFolder(t)), []);
    const nowhere = path.join(temporaryFolder(t), 'nowhere');
    assert.deepEqual(await uploadsOf(t, nowhere), []);
    assert.deepEqual(await uploadsOf(t, ''), []);
  });

  test('something else in its place is not uploaded', async (t) => {
    const [folder, outside] = [temporaryFolder(t), temporaryFolder(t)];
    const secret = path.join(outside, 'secret');
    fs.writeFileSync(secret, 'secret');
    fs.symlinkSync(secret, path.join(folder, name));
    assert.deepEqual(await uploadsOf(t, folder), []);
    // lstat fails here: a file is on the way.
    assert.deepEqual(await uploadsOf(t, secret), []);
  });

  test('a task uploads nothing', async (t) => {
    const folder = temporaryFolder(t);
    fs.writeFileSync(path.join(folder, name), '### x\n');
    assert.deepEqual(
      await uploadsOf(t, folder, { env: { NX_TASK_HASH: '1' } }),
      [],
    );
  });

  test('a checkout does not choose what is uploaded', async (t) => {
    const [workspace, folder] = [temporaryFolder(t), temporaryFolder(t)];
    fs.writeFileSync(path.join(folder, name), 'secret');
    fs.writeFileSync(
      path.join(workspace, '.env'),
      `AGENT_TEMPDIRECTORY=${folder}\n`,
    );
    const binary = fakeServer(t);
    const { stderr } = await runAsNx(
      t,
      async ({ open, cacheDirectory }, folder) => {
        process.env.AGENT_TEMPDIRECTORY = folder; // as Nx does
        const cache = await open();
        await cache.retrieve('h', cacheDirectory);
      },
      {
        ...{ workspace, args: folder, binary, exit: 0 },
        env: { CI: 'true', TF_BUILD: 'True' },
      },
    );
    assert.doesNotMatch(stderr, /uploadsummary/);
  });
});

test('other CIs get no command', async (t) => {
  const folder = temporaryFolder(t);
  fs.writeFileSync(path.join(folder, name), '### x\n');
  const env = { TF_BUILD: '', GITHUB_ACTIONS: 'true' };
  assert.deepEqual(await uploadsOf(t, folder, { env }), []);
});

test('no path ends the command or begins another one', () => {
  assert.equal(
    uploadSummary('/a]b;c%d\r\n##vso[x]y'),
    '##vso[task.uploadsummary]/a%5Db%3Bc%AZP25d%0D%0A##vso[x%5Dy\n',
  );
});
