'use strict';

// The storage of a session follows its lines. The runner's own requests change nothing.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { buildBlobService, startBlobService } = require('../blob-service');
const { Storage } = require('./storage');
const { patience } = require('../patience');

/** @import { TestContext } from 'node:test' */

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-test-'));
let program = '';
before(async () => {
  program = await buildBlobService(folder);
});
after(() => fs.rmSync(folder, { recursive: true }));

/** @param {TestContext} t */
async function startStorage(t) {
  const storage = new Storage(await startBlobService(t, program));
  await storage.putArchive('1', Buffer.from('content'));
  const get = async () => {
    const response = await fetch(`${storage.account}/nx-cache/v1/local/1`, {
      headers: { 'x-ms-range': 'bytes=0-3' },
    });
    await response.arrayBuffer();
    return response.status;
  };
  const says = (/** @type {string} */ line) =>
    storage.control(line.split(' '), patience);
  return { storage, get, says };
}

describe('the storage of a session', { concurrency: 4 }, () => {
  test('fails as a line says, but not for requests of the runner', async (t) => {
    const { storage, get, says } = await startStorage(t);
    await says('GET 503 ServerBusy for 3');
    assert.equal(await get(), 503);
    await storage.undisturbed(async () => assert.equal(await get(), 206));
    assert.equal(await get(), 503);
    await says('GET 403');
    assert.equal(await get(), 403);
    await says('GET ok');
    assert.equal(await get(), 206);
    await storage.damage('1', 'remove', '', '');
    assert.equal(await get(), 404);
    // A range counts as the blob.
    const want = ['GET 503', 'GET 503', 'GET 403', 'GET 200', 'GET 404'];
    assert.deepEqual(await storage.takeRequests(), want);
    assert.deepEqual(await storage.takeRequests(), []);
  });

  test('"for 2" ends after two requests', async (t) => {
    const { storage, get, says } = await startStorage(t);
    await says('GET 503 for 2');
    for (const status of [503, 503, 206]) assert.equal(await get(), status);
    await storage.undisturbed(async () => {});
    assert.equal(
      await get(),
      206,
      'the fault is in force again after two requests',
    );
  });

  test('resets connections', async (t) => {
    const { storage, get, says } = await startStorage(t);
    await says('GET reset');
    await assert.rejects(get());
    const requests = await storage.takeRequests();
    assert.ok(requests.every((request) => request === 'GET reset'));
    assert.notEqual(requests.length, 0);
  });

  test('holds requests until it is released', async (t) => {
    const { storage, get, says } = await startStorage(t);
    await says('GET hold');
    let isDone = false;
    const held = get().finally(() => (isDone = true));
    await says('wait GET');
    assert.ok(!isDone);
    await says('release');
    assert.equal(await held, 206);
    assert.equal(await get(), 206);
    assert.deepEqual(await storage.takeRequests(), ['GET hold', 'GET 200']);
  });

  test('waits a limited time for a request to hold', async (t) => {
    const { storage, says } = await startStorage(t);
    await says('PUT hold');
    const waits = storage.control(['wait', 'PUT'], 100);
    await assert.rejects(waits, /the storage holds no PUT/);
    await assert.rejects(says('wait GET'), /no line lets the storage hold GET/);
  });

  for (const line of [
    'GET sometimes',
    'GET 999',
    'GET',
    'POST 503',
    'GET 503 for many',
    'GET reset Code',
  ]) {
    test(`refuses "storage ${line}"`, async (t) => {
      const { says } = await startStorage(t);
      await assert.rejects(says(line), /is not a method and a behaviour/);
    });
  }

  /** @type {Record<string, [string[], string, Record<string, string>]>} */
  const damages = {
    truncate: [['truncate'], 'conten', {}],
    append: [['append'], 'content\0', {}],
    flip: [['flip'], 'contenu', {}],
    content: [['content', '', 'x'], 'x', {}],
    'as another': [['as', '2'], 'other', {}],
    'metadata with a value': [
      ['metadata', 'length=1'],
      'content',
      { length: '1' },
    ],
    'metadata without one': [['metadata', 'sha256'], 'content', { sha256: '' }],
  };
  for (const [
    how,
    [[kind, argument = '', text = ''], want, changed],
  ] of Object.entries(damages)) {
    test(`damages a result: ${how}`, async (t) => {
      const { storage } = await startStorage(t);
      await storage.putArchive('2', Buffer.from('other'));
      const { blob: before } = await storage.find(kind === 'as' ? '2' : '1');
      await storage.damage('1', kind, argument, text);
      const { blob } = await storage.find('1');
      assert.equal(blob.body.toString(), want);
      const metadata = { ...before.metadata, ...changed };
      if (metadata.sha256 === '') delete (/** @type {any} */ (metadata).sha256);
      assert.deepEqual(blob.metadata, metadata);
      // "describe" makes the metadata fit again, but for the format.
      await storage.damage('1', 'metadata', 'format=99', '');
      await storage.damage('1', 'describe', '', '');
      const { metadata: described } = (await storage.find('1')).blob;
      assert.equal(described.length, String(want.length));
      assert.match(described.sha256, /^[0-9a-f]{64}$/);
      assert.equal(described.format, '99');
    });
  }

  test('refuses an unknown damage, and one of nothing', async (t) => {
    const { storage } = await startStorage(t);
    const unknown = storage.damage('1', 'frobnicate', '', '');
    await assert.rejects(unknown, /there is no damage "frobnicate"/);
    const nothing = storage.damage('456', 'flip', '', '');
    await assert.rejects(nothing, /nothing is stored under 456/);
    const other = storage.damage('1', 'as', '456', '');
    await assert.rejects(other, /nothing is stored under 456/);
  });
});
