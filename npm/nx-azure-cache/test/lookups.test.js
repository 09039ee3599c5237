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
  const asked = [];
  return {
    clock,
    lookups,
    asked,
    /**
     * @param {string} hash
     * @param {() => CachedResult | null | undefined | Promise<null>} [answer]
     * @param {string} [cacheDirectory]
     */
    ask: (hash, answer = () => null, cacheDirectory = '/cache') =>
      lookups.retrieve(hash, cacheDirectory, async () => {
        asked.push(hash);
        return answer();
      }),
  };
}

describe('lookups', () => {
  test('a miss is remembered until it expires', async () => {
    const { ask, asked, clock } = lookupsAt();
    for (const now of [0, 1, 50, 99]) {
      clock.now = now;
      assert.equal(await ask('h'), null);
    }
    assert.deepEqual(asked, ['h']);
    clock.now = 100;
    assert.equal(
      await ask('h', () => hit),
      hit,
      'another machine has stored it',
    );
    assert.deepEqual(asked, ['h', 'h']);
  });

  test('a repeated miss is remembered again', async () => {
    const { ask, asked, clock } = lookupsAt();
    for (const now of [0, 100, 199, 200]) {
      clock.now = now;
      await ask('h');
    }
    assert.equal(asked.length, 3);
  });

  test('the default lifetime is 10 to 30 s', async () => {
    const clock = { now: 0 };
    const lookups = new Lookups({ now: () => clock.now });
    let asked = 0;
    const ask = () =>
      lookups.retrieve('h', '/cache', async () => (asked++, null));
    await ask();
    clock.now = 9_999;
    await ask();
    assert.equal(asked, 1);
    clock.now = 30_001;
    await ask();
    assert.equal(asked, 2);
  });

  test('a store forgets the miss', async () => {
    const { ask, asked, lookups } = lookupsAt();
    await ask('h');
    await ask('other');
    lookups.forget('h');
    assert.equal(await ask('h', () => hit), hit);
    await ask('other');
    assert.deepEqual(asked, ['h', 'other', 'h']);
  });

  test('a store makes a pending lookup obsolete', async () => {
    const { ask, asked, lookups } = lookupsAt();
    /** @type {(answer: null) => void} */
    let answer = () => {};
    const first = ask('h', () => new Promise((resolve) => (answer = resolve)));
    lookups.forget('h');
    assert.equal(await ask('h', () => hit), hit, 'it shares no older lookup');
    answer(null);
    assert.equal(await first, null);
    assert.equal(
      await ask('h', () => hit),
      hit,
      'the older one is not remembered',
    );
    assert.equal(asked.length, 3);
  });

  test('hits and failed lookups are not remembered', async () => {
    const { ask, asked } = lookupsAt();
    assert.equal(await ask('h', () => hit), hit);
    assert.equal(await ask('h', () => hit), hit);
    assert.equal(asked.length, 2);
    assert.equal(await ask('e', () => undefined), null);
    const fail = () => {
      throw new Error('bad luck');
    };
    await assert.rejects(ask('e', fail), /bad luck/);
    assert.equal(await ask('e', () => hit), hit);
    assert.equal(asked.length, 5);
  });

  test('concurrent calls share a lookup', async () => {
    const { ask, asked } = lookupsAt();
    for (const answer of [hit, undefined, null]) {
      const calls = Array.from({ length: 50 }, () => ask('h', () => answer));
      assert.deepEqual(
        await Promise.all(calls),
        Array(50).fill(answer ?? null),
      );
    }
    assert.equal(asked.length, 3);
  });

  test('a hit is restored in each cache directory', async () => {
    const { ask, asked } = lookupsAt();
    const calls = [
      ask('h', () => hit, '/a'),
      ask('h', () => hit, '/b'),
      ask('h', () => hit, '/b'),
    ];
    assert.deepEqual(await Promise.all(calls), [hit, hit, hit]);
    assert.equal(asked.length, 2);
  });

  test('beyond a limit, the oldest misses are forgotten', async () => {
    const { ask, asked, clock } = lookupsAt({ maxMisses: 3 });
    for (const hash of ['1', '2', '3', '4']) {
      clock.now++;
      await ask(hash);
    }
    asked.length = 0;
    for (const hash of ['4', '3', '2', '1']) await ask(hash);
    assert.deepEqual(asked, ['1']);
  });
});

/**
 * A server that records its requests, with responses by hash.
 *
 * @param {TestContext} t
 * @param {Record<string, unknown[]>} answers the first for the first call and so
 *   on, the last for all others; a number is an error
 */
function listener(t, answers) {
  const log = path.join(temporaryFolder(t), 'log');
  fs.writeFileSync(log, '');
  const binary = fakeServer(
    t,
    (server, { log, answers }) => {
      const { appendFileSync } = require('node:fs');
      server.on('retrieve', ({ hash }, respond) => {
        appendFileSync(log, `${hash}\n`);
        const left = answers[hash] ?? [null];
        const next = left.length > 1 ? left.shift() : left[0];
        setTimeout(() => {
          if (typeof next === 'number') respond.error(next, 'bad luck');
          else respond.result(next);
        }, 20);
      });
    },
    { log, answers },
  );
  return {
    binary,
    asked: () => fs.readFileSync(log, 'utf8').split('\n').slice(0, -1),
  };
}

describe('requests to the server', { concurrency: 3 }, () => {
  test('for repeated misses: one', async (t) => {
    const { binary, asked } = listener(t, {});
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve } = await open();
        const answers = [];
        for (let step = 0; step < 35; step++) {
          const hashes = Array.from({ length: 20 }, (_, i) => `h${i}`);
          answers.push(
            ...(await Promise.all(
              // Some of them twice at once.
              [...hashes, 'h0', 'h1'].map((hash) =>
                retrieve(hash, cacheDirectory),
              ),
            )),
          );
        }
        return answers;
      },
      { binary },
    );
    assert.deepEqual(report, Array(35 * 22).fill(null));
    assert.deepEqual(lines, []);
    assert.equal(asked().length, 20);
  });

  test('for a damaged entry, and one that Nx cannot represent: one', async (t) => {
    const odd = { ...hit, code: 65536 };
    const { binary, asked } = listener(t, { damaged: [3], odd: [odd] });
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve } = await open();
        const answers = [];
        for (let i = 0; i < 3; i++) {
          answers.push(await retrieve('damaged', cacheDirectory));
          answers.push(await retrieve('odd', cacheDirectory));
        }
        return answers;
      },
      { binary },
    );
    assert.deepEqual(report, Array(6).fill(null));
    assert.deepEqual(asked(), ['damaged', 'odd']);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0],
      /an entry of the remote cache was rejected: bad luck/,
    );
  });

  test('for hits and other errors: one each time', async (t) => {
    const { binary, asked } = listener(t, { hit: [hit], error: [1, 4, hit] });
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const { retrieve } = await open();
        const answers = [];
        for (let i = 0; i < 3; i++) {
          answers.push(await retrieve('hit', cacheDirectory));
          answers.push(await retrieve('error', cacheDirectory));
        }
        return answers.map((answer) => answer?.code);
      },
      { binary },
    );
    assert.deepEqual(report, [0, null, 0, null, 0, 0]);
    assert.equal(asked().length, 6);
  });

  test('for a stored hash, with any outcome: a new one', async (t) => {
    const { binary, asked } = listener(t, { h: [null, null, hit] });
    fs.appendFileSync(binary, 'server.reportsStored = false;');
    const { report } = await runAsNx(
      t,
      async ({ open, getRemoteCache, cacheDirectory }) => {
        const cache = await open();
        const other = await getRemoteCache();
        const answers = [];
        for (let i = 0; i < 3; i++) {
          answers.push(await cache.retrieve('h', cacheDirectory));
          answers.push(await other?.retrieve('h', cacheDirectory));
          await cache.store('h', cacheDirectory, '', 0);
        }
        return answers.map((answer) => answer?.code);
      },
      { binary },
    );
    // Hits are not remembered.
    assert.deepEqual(report, [null, null, null, null, 0, 0]);
    assert.equal(asked().length, 4);
  });

  test('for a hash that is stored after a miss: a new one', async (t) => {
    const { binary, asked } = listener(t, { h: [null, hit] });
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
        const answers = [await retrieve('h', cacheDirectory)];
        for (let i = 0; i < 100 && !answers.at(-1); i++) {
          await sleep(20);
          answers.push(await retrieve('h', cacheDirectory));
        }
        return answers.at(-1)?.code;
      },
      { binary },
    );
    assert.equal(report, 0);
    assert.equal(asked().length, 2);
  });
});
