'use strict';

// nx#30733, #35556: packing or restoring failed with ENOENT, because files vanished or were
// neither files nor folders.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { gate, on } = require('../kit/http-faults');
const { build, runNx } = require('../kit/nx-runs');
const { patience } = require('../kit/patience');
const { outputsOfMany, writeMany } = require('./many-projects');
const { until } = require('../kit/processes');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { recordCalls } = require('./nx-calls');
const { assertUndisturbed } = require('./undisturbed');
const { setBuild } = require('./workspace');

/** How many uploads run at once (cache/uploads.go). */
const parallelUploads = 4;

/** @type {Record<string, (hash: string, cacheDirectory: string) => void>} */
const changes = {
  changed(hash, cacheDirectory) {
    const fs = require('node:fs');
    const [file] = fs
      .readdirSync(`${cacheDirectory}/${hash}/dist`)
      .map((name) => `${cacheDirectory}/${hash}/dist/${name}/text`);
    fs.appendFileSync(file, 'more\n');
  },
  changed_to_the_same_size(hash, cacheDirectory) {
    const fs = require('node:fs');
    const [file] = fs
      .readdirSync(`${cacheDirectory}/${hash}/dist`)
      .map((name) => `${cacheDirectory}/${hash}/dist/${name}/text`);
    const { size, atime, mtime } = fs.statSync(file);
    fs.writeFileSync(file, 'x'.repeat(size));
    fs.utimesSync(file, atime, mtime);
  },
  extended(hash, cacheDirectory) {
    const fs = require('node:fs');
    fs.writeFileSync(`${cacheDirectory}/${hash}/dist/more`, 'more\n');
  },
  removed(hash, cacheDirectory) {
    const fs = require('node:fs');
    fs.rmSync(`${cacheDirectory}/${hash}`, { recursive: true });
  },
};

for (const [name, afterStore] of Object.entries(changes)) {
  const runTest = name === 'removed' ? quickTest : fullTest;
  runTest(`F13_a_result_${name}_while_it_waits_for_its_upload`, async (t) => {
    const { container, machine, recorder } = await startFixture(t);
    const a = machine('a');
    const count = parallelUploads + 2;
    writeMany(a, count);
    // The gate holds the running uploads, so the last results are changed while they wait
    // to be packed. The results of the running uploads are already packed.
    const spy = recordCalls(a, { afterStore });
    const puts = gate();
    recorder.fault = on('PUT', puts.fault);
    const args = [...build, '--parallel=1'];
    const outputs = outputsOfMany(count);
    const run = assertUndisturbed(a, {
      args,
      line:
        name === 'removed'
          ? /deleted their outputs from its cache first/
          : null,
      status: null,
      outputs,
    });
    await until(() => spy.calls('store').length === count, patience);
    puts.open();
    await run;
    const blobs = await listBlobs(shared().azurite, container);
    assert.ok(blobs.length <= parallelUploads, `${blobs.length} are stored`);

    // The stored results are what the tasks built.
    const b = machine('b');
    writeMany(b, count);
    await assertUndisturbed(b, { args, line: null, status: null, outputs });
  });
}

fullTest('F13_a_writer_that_never_stops', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a');
  // Packing 2,000 files takes so long that the writer changes files meanwhile.
  setBuild(
    a,
    `for (let i = 0; i < 2000; i++) {
      fs.writeFileSync(path.join(dist, String(i)), String(i).repeat(1000));
    }`,
  );
  const spy = recordCalls(a, {
    afterStore(hash, cacheDirectory) {
      const fs = require('node:fs');
      const folder = `${cacheDirectory}/${hash}/dist/words`;
      const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
      let i = 0;
      const timer = setInterval(() => {
        for (let n = 0; n < 50; n++) {
          const name = names.splice((i += 7) % (names.length || 1), 1)[0];
          if (name === undefined) return clearInterval(timer);
          if (n % 2) fs.rmSync(`${folder}/${name}`);
          else fs.appendFileSync(`${folder}/${name}`, 'changed');
        }
      }, 1);
      timer.unref();
    },
  });
  await runNx(a, ['run', 'words:build']);
  assert.equal(spy.calls('store').length, 1);
  // Whether or not the result was stored, another machine gets correct outputs.
  const b = machine('b');
  fs.copyFileSync(
    path.join(a.workspace, 'tools', 'build.js'),
    path.join(b.workspace, 'tools', 'build.js'),
  );
  const lines = await runNx(b, ['run', 'words:build']);
  assert.deepEqual(lines, []);
  for (let i = 0; i < 2000; i++) {
    const file = path.join(b.workspace, 'dist', 'words', String(i));
    assert.equal(fs.readFileSync(file, 'utf8'), String(i).repeat(1000));
  }
});

/** @type {Record<string, (hash: string, cacheDirectory: string) => void>} */
const unstorable = {
  FIFO(hash, cacheDirectory) {
    const { execFileSync } = require('node:child_process');
    execFileSync('mkfifo', [`${cacheDirectory}/${hash}/dist/odd`]);
  },
  socket(hash, cacheDirectory) {
    const { spawnSync } = require('node:child_process');
    // A killed server leaves its socket.
    spawnSync(
      process.execPath,
      [
        '-e',
        `require('node:net').createServer().listen('odd', () => process.kill(process.pid, 'SIGKILL'))`,
      ],
      { cwd: `${cacheDirectory}/${hash}/dist`, env: {} },
    );
    require('node:fs').lstatSync(`${cacheDirectory}/${hash}/dist/odd`);
  },
  unreadable_name(hash, cacheDirectory) {
    const fs = require('node:fs');
    const name = Buffer.concat([
      Buffer.from(`${cacheDirectory}/${hash}/dist/`),
      Buffer.from([0xff, 0xfe]),
    ]);
    fs.writeFileSync(name, '');
  },
};

for (const [name, beforeStore] of Object.entries(unstorable)) {
  fullTest(`F13_${name}_in_the_outputs`, async (t) => {
    const { container, machine } = await startFixture(t);
    const a = machine('a');
    recordCalls(a, { beforeStore });
    await assertUndisturbed(a, { line: /cannot be stored/ });
    assert.deepEqual(await listBlobs(shared().azurite, container), []);
  });
}
