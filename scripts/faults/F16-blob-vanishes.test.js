'use strict';

// nx#34032: the index reported a hit, but the content was gone, and Nx had removed the
// outputs.

const assert = require('node:assert/strict');
const { readBlob, removeBlob, writeBlob } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { cutResponse, on, onReadOf } = require('../kit/http-faults');
const { build, runNx, tasks } = require('../kit/nx-runs');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');
const { forgetResults } = require('./workspace');

quickTest('F16_a_blob_deleted_during_its_download', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  recorder.take();
  const b = machine('b');
  /** @type {Set<string>} */
  const cut = new Set();
  recorder.fault = onReadOf('local', (exchange) => {
    if (cut.has(exchange.path)) return exchange.pass();
    cut.add(exchange.path);
    return cutResponse(300, () => removeBlob(shared().azurite, exchange.path))(
      exchange,
    );
  });
  await assertUndisturbed(b);
  assert.equal(cut.size, tasks.length);
  recorder.fault = ({ pass }) => pass();
  // The run has stored it again.
  await assertUndisturbed(machine('c'), {
    line: null,
    status: 'remote-cache-hit',
  });
});

fullTest('F16_a_blob_replaced_during_its_download', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  recorder.take();
  /** @type {Set<string>} */
  const cut = new Set();
  recorder.fault = onReadOf('local', (exchange) => {
    if (cut.has(exchange.path)) return exchange.pass();
    cut.add(exchange.path);
    // The lengths are equal, so a reader that resumes would get half of each.
    const replace = async () => {
      const { content, metadata } = await readBlob(
        shared().azurite,
        exchange.path,
      );
      const other = Buffer.alloc(content.length, 'x');
      await writeBlob(shared().azurite, exchange.path, other, metadata);
    };
    return cutResponse(300, replace)(exchange);
  });
  await assertUndisturbed(machine('b'));
  assert.equal(cut.size, tasks.length);
});

fullTest('F16_existing_outputs_are_kept', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  const b = machine('b');
  await runNx(b, build);
  forgetResults(b); // but not dist
  recorder.fault = on('GET', cutResponse(0));
  await assertUndisturbed(b);
});

fullTest('F16_an_interrupted_download_resumes', async (t) => {
  const { machine, recorder } = await startFixture(t);
  await runNx(machine('a'), build);
  /** @type {Set<string>} */
  const cut = new Set();
  recorder.fault = onReadOf('local', (exchange) => {
    if (cut.has(exchange.path)) return exchange.pass();
    cut.add(exchange.path);
    return cutResponse(300)(exchange);
  });
  await assertUndisturbed(machine('b'), {
    line: null,
    status: 'remote-cache-hit',
  });
  assert.equal(cut.size, tasks.length);
});
