'use strict';

// nx#29890, turborepo-remote-cache#800: an archive from Windows restored nothing on Linux,
// and names that depended on the operating system never led to a hit.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { build, runNx } = require('../kit/nx-runs');
const { run } = require('../kit/run');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { readTree } = require('../kit/tree');
const { upload } = require('../kit/archives');
const { assertNothingLeft } = require('./undisturbed');

quickTest('F17_an_archive_with_backslashes', async (t) => {
  const { container, machine } = await startFixture(t);
  const args = ['run', 'words:build'];
  await runNx(machine('a'), args);
  await upload(container, 'backslash');
  const b = machine('b');
  assert.deepEqual(await runNx(b, args), []);
  assert.equal(b.lastRun()['words:build'].cacheStatus, 'remote-cache-hit');
  const tree = readTree(path.join(b.workspace, 'dist', 'words'));
  assert.deepEqual(Object.keys(tree), ['lib', 'lib/main.js', 'link']);
  assert.match(tree.link, /-> lib\/main\.js$/);
  assert.equal(
    fs.readFileSync(path.join(b.workspace, 'dist/words/link'), 'utf8'),
    'main\n',
  );
  await assertNothingLeft(b);
});

fullTest('F17_blob_names_have_slashes', async (t) => {
  const { container, machine } = await startFixture(t);
  const a = machine('a', { azure: { prefix: 'team/web' } });
  await runNx(a, build);
  const names = (await listBlobs(shared().azurite, container)).map(
    ({ name }) => name,
  );
  const hashes = Object.values(a.lastRun()).map(({ hash }) => hash);
  assert.deepEqual(
    names.sort(),
    hashes.map((hash) => `team/web/v1/local/${hash}`).sort(),
  );
});

// Some tests of names run on Windows only. This test shows that they compile for it.
fullTest('F17_tests_of_names_compile_for_Windows', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'names'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'test.exe');
  for (const name of ['cache', 'cache/archive']) {
    await run('go', ['test', '-c', '-o', file, `./${name}`], {
      env: { ...process.env, GOOS: 'windows', CGO_ENABLED: '0' },
    });
    assert.equal(fs.readFileSync(file).toString('latin1', 0, 2), 'MZ');
  }
});
