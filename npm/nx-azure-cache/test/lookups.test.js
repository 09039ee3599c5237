'use strict';

// Nx 22.7 and 23.0 look up the same miss in every scheduling step. The first half tests the
// class, with its own clock. The second half tests the messages that a server receives.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { Lookups } = require('../lib/lookups');
const { fakeServer, runAsNx, temporaryFolder } = require('./fixture');

/** @import { TestContext } from 'node:test' */
/** @import { CachedResult } from '../index' */

/** @type {CachedResult} */
const hit = { code: 0, terminalOutput: '', outputsPath: '/x', size: 1 };

/**
 * Lookups with a clock that the test moves, and a record of their requests.
 *
 * @param {{ lifetime?: number, maxMisses?: number }} [options]
 */
function lookupsAt(options) {
  const clock = { now: 0 };
  const lookups = new Lookups({
    lifetime: 100,
    ...options,
    now: () => clock.now,
  });
  /** @type {string[]} */
  const requested = [];
  return {
    clock,
    lookups,
    requested,
    /**
     * @param {string} hash
     * @param {() => CachedResult | null | undefined | Promise<null>} [response]
     * @param {string} [cacheDirectory]
     */
    lookUp: (hash, response = () => null, cacheDirectory = '/cache') =>
      lookups.retrieve(hash, cacheDirectory, async () => {
        requested.push(hash);
        return response();
      }),
  };
}

describe('lookups', () => {
  test('a miss is remembered until it expires', async () => {
    const { lookUp, requested, clock } = lookupsAt();
    for (const now of [0, 1, 50, 99]) {
      clock.now = now;
      assert.equal(await lookUp('h'), null);
    }
    assert.deepEqual(requested, ['h']);
    clock.now = 100;
    assert.equal(
      await lookUp('h', () => hit),
      hit,
      'another machine has stored it',
    );
    assert.deepEqual(requested, ['h', 'h']);
  });

  test('a repeated miss is remembered again', async () => {
    const { lookUp, requested, clock } = lookupsAt();
    for (const now of [0, 100, 199, 200]) {
      clock.now = now;
      await lookUp('h');
    }
    assert.equal(requested.length, 3);
  });

  test('the default lifetime is 10 to 30 s', async () => {
    const clock = { now: 0 };
    const lookups = new Lookups({ now: () => clock.now });
    let requested = 0;
    const lookUp = () =>
      lookups.retrieve('h', '/cache', async () => (requested++, null));
    await lookUp();
    clock.now = 9_999;
    await lookUp();
    assert.equal(requested, 1);
    clock.now = 30_001;
    await lookUp();
    assert.equal(requested, 2);
  });

  test('a store forgets the miss', async () => {
    const { lookUp, requested, lookups } = lookupsAt();
    await lookUp('h');
    await lookUp('other');
    lookups.forget('h');
    assert.equal(await lookUp('h', () => hit), hit);
    await lookUp('other');
    assert.deepEqual(requested, ['h', 'other', 'h']);
  });

  test('a store makes a pending lookup obsolete', async () => {
    const { lookUp, requested, lookups } = lookupsAt();
    /** @type {(response: null) => void} */
    let response = () => {};
    const first = lookUp(
      'h',
      () => new Promise((resolve) => (response = resolve)),
    );
    lookups.forget('h');
    assert.equal(
      await lookUp('h', () => hit),
      hit,
      'it shares no older lookup',
    );
    response(null);
    assert.equal(await first, null);
    assert.equal(
      await lookUp('h', () => hit),
      hit,
      'the older one is not remembered',
    );
    assert.equal(requested.length, 3);
  });

  test('hits and failed lookups are not remembered', async () => {
    const { lookUp, requested } = lookupsAt();
    assert.equal(await lookUp('h', () => hit), hit);
    assert.equal(await lookUp('h', () => hit), hit);
    assert.equal(requested.length, 2);
    assert.equal(await lookUp('e', () => undefined), null);
    const fail = () => {
      throw new Error('bad luck');
    };
    await assert.rejects(lookUp('e', fail), /bad luck/);
    assert.equal(await lookUp('e', () => hit), hit);
    assert.equal(requested.length, 5);
  });

  test('concurrent calls share a lookup', async () => {
    const { lookUp, requested } = lookupsAt();
    for (const response of [hit, undefined, null]) {
      const calls = Array.from({ length: 50 }, () =>
        lookUp('h', () => response),
      );
      assert.deepEqual(
        await Promise.all(calls),
        Array(50).fill(response ?? null),
      );
    }
    assert.equal(requested.length, 3);
  });

  test('a hit is restored in each cache directory', async () => {
    const { lookUp, requested } = lookupsAt();
    const calls = [
      lookUp('h', () => hit, '/a'),
      lookUp('h', () => hit, '/b'),
      lookUp('h', () => hit, '/b'),
    ];
    assert.deepEqual(await Promise.all(calls), [hit, hit, hit]);
    assert.equal(requested.length, 2);
  });

  test('beyond a limit, the oldest misses are forgotten', async () => {
    const { lookUp, requested, clock } = lookupsAt({ maxMisses: 3 });
    for (const hash of ['1', '2', '3', '4']) {
      clock.now++;
      await lookUp(hash);
    }
    requested.length = 0;
    for (const hash of ['4', '3', '2', '1']) await lookUp(hash);
    assert.deepEqual(requested, ['1']);
  });
});

/**
 * A server that records its requests, with responses by hash.
 *
 * @param {TestContext} t
 * @param {Record<string, unknown[]>} responses the first for the first call and so
 *   on, the last for all others; a number is an error
 */
function listener(t, responses) {
  const log = path.join(temporaryFolder(t), 'log');
  fs.writeFileSync(log, '');
  const binary = fakeServer(
    t,
    (server, { log, responses }) => {
      const { appendFileSync } = require('node:fs');
      server.on('retrieve', ({ hash }, respond) => {
        appendFileSync(log, `${hash}\n`);
        const left = responses[hash] ?? [null];
        const next = left.length > 1 ? left.shift() : left[0];
        setTimeout(() => {
          if (typeof next === 'number') respond.error(next, 'bad luck');
          else respond.result(next);
        }, 20);
      });
    },
    { log, responses },
  );
  return {
    binary,
    requested: () => fs.readFileSync(log, 'utf8').split('\n').slice(0, -1),
  };
}

describe('requests to the server', { concurrency: 3 }, () => {
  test('for repeated misses: one', async (t) => {
    const { binary, requested } = listener(t, {});
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve } = await open();
        const responses = [];
        for (let step = 0; step < 35; step++) {
          const hashes = Array.from({ length: 20 }, (_, i) => `h${i}`);
          responses.push(
            ...(await Promise.all(
              // Some of them twice at once.
              [...hashes, 'h0', 'h1'].map((hash) =>
                retrieve(hash, cacheDirectory),
              ),
            )),
          );
        }
        return responses;
      },
      { binary },
    );
    assert.deepEqual(report, Array(35 * 22).fill(null));
    assert.deepEqual(lines, []);
    assert.equal(requested().length, 20);
  });

  test('for a damaged entry, and one that Nx cannot represent: one', async (t) => {
    const odd = { ...hit, code: 65536 };
    const { binary, requested } = listener(t, { damaged: [3], odd: [odd] });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve } = await open();
        const responses = [];
        for (let i = 0; i < 3; i++) {
          responses.push(await retrieve('damaged', cacheDirectory));
          responses.push(await retrieve('odd', cacheDirectory));
        }
        return responses;
      },
      { binary },
    );
    assert.deepEqual(report, Array(6).fill(null));
    assert.deepEqual(requested(), ['damaged', 'odd']);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0],
      /^nx-azure-cache: bad luck; its task ran, and the new result/,
    );
  });

  test('for hits and other errors: one each time', async (t) => {
    const { binary, requested } = listener(t, {
      hit: [hit],
      error: [1, 4, hit],
    });
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve } = await open();
        const responses = [];
        for (let i = 0; i < 3; i++) {
          responses.push(await retrieve('hit', cacheDirectory));
          responses.push(await retrieve('error', cacheDirectory));
        }
        return responses.map((response) => response?.code);
      },
      { binary },
    );
    assert.deepEqual(report, [0, null, 0, null, 0, 0]);
    assert.equal(requested().length, 6);
  });

  test('for a stored hash, with any outcome: a new one', async (t) => {
    const { binary, requested } = listener(t, { h: [null, null, hit] });
    fs.appendFileSync(binary, 'server.reportsStored = false;');
    const { report } = await runAsNx(
      t,
      async ({ open, getRemoteCache, cacheDirectory }) => {
        const cache = await open();
        const other = await getRemoteCache();
        const responses = [];
        for (let i = 0; i < 3; i++) {
          responses.push(await cache.retrieve('h', cacheDirectory));
          responses.push(await other?.retrieve('h', cacheDirectory));
          await cache.store('h', cacheDirectory, '', 0);
        }
        return responses.map((response) => response?.code);
      },
      { binary },
    );
    // Hits are not remembered.
    assert.deepEqual(report, [null, null, null, null, 0, 0]);
    assert.equal(requested().length, 4);
  });

  test('for a hash that is stored after a miss: a new one', async (t) => {
    const { binary, requested } = listener(t, { h: [null, hit] });
    fs.appendFileSync(
      binary,
      `server.reportsStored = false;
       server.on('store', ({ hash }, respond) => {
         respond.result({ queued: true, reason: '' });
         setTimeout(() => server.stored(hash), 200);
       });`,
    );
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve, store } = await open();
        const { setTimeout: sleep } = require('node:timers/promises');
        await store('h', cacheDirectory, '', 0);
        const responses = [await retrieve('h', cacheDirectory)];
        for (let i = 0; i < 100 && !responses.at(-1); i++) {
          await sleep(20);
          responses.push(await retrieve('h', cacheDirectory));
        }
        return responses.at(-1)?.code;
      },
      { binary },
    );
    assert.equal(report, 0);
    assert.equal(requested().length, 2);
  });
});
