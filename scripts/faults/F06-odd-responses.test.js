'use strict';

// nx#31134: after an update, a dependency parsed the body of each 404, so every miss caused a
// crash.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { respondWith, on } = require('../kit/http-faults');
const { build, runNx, tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

const html = { 'content-type': 'text/html' };
const xml = { 'content-type': 'application/xml' };
const miss = { 'x-ms-error-code': 'BlobNotFound' };
const page = '<!DOCTYPE html><html><body>Not Found</body></html>';

/** @type {Record<string, Parameters<typeof respondWith>>} */
const misses = {
  without_a_body: [404, miss],
  with_an_HTML_body: [404, { ...miss, ...html }, page],
  with_broken_XML: [404, { ...miss, ...xml }, '<?xml version="1.0"?><Error>'],
  without_a_code_and_a_body: [404],
};

for (const [name, args] of Object.entries(misses)) {
  const runTest = name === 'with_an_HTML_body' ? quickTest : fullTest;
  runTest(`F06_404_${name}`, async (t) => {
    const { machine, recorder } = await startFixture(t);
    recorder.fault = on('GET', respondWith(...args));
    await assertUndisturbed(machine('a'), { line: null });
    const stored = recorder.take().filter((request) => request === 'PUT 201');
    assert.equal(stored.length, tasks.length, 'a miss is stored');
  });
}

/** @type {Record<string, Parameters<typeof respondWith>>} */
const foreignResponses = {
  '200_of_a_captive_portal': [200, html, page],
  '200_without_a_body': [200],
  '302_to_a_sign_in_page': [302, { location: 'http://127.0.0.1:1/login' }],
  '407_of_a_proxy': [407, html, page],
};

for (const [name, args] of Object.entries(foreignResponses)) {
  fullTest(`F06_${name}`, async (t) => {
    const { machine, recorder } = await startFixture(t);
    await runNx(machine('a'), build);
    recorder.fault = on('GET', respondWith(...args));
    await assertUndisturbed(machine('b'));
  });
}
