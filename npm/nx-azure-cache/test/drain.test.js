'use strict';

// A run ends with what it has accepted stored, in bounded time, with the exit
// code it has; what went wrong is one line per kind, and CI gets a summary.

const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, test } = require('node:test');
const { assertOneLine, drains, fakeServer, play } = require('./fixture');

/** @import { FakeServer } from './fake-server' */
/** @import { Nx } from './fixture' */

/**
 * Stores some results at once.
 *
 * @param {Nx} nx
 * @param {number} results
 */
async function store({ open, cacheDirectory }, results) {
  const cache = await open();
  return Promise.all(
    Array.from({ length: results }, (_, i) =>
      cache.store(`h${i}`, cacheDirectory, 'text', 0),
    ),
  );
}

/** @param {Nx} nx */
async function retrieve({ open, cacheDirectory }) {
  return (await open()).retrieve('h', cacheDirectory);
}

/**
 * A server that never tells what became of a result.
 *
 * @param {FakeServer} server
 */
const silent = (server) => (server.tellsStored = false);

/**
 * The same; as `drain` it says what it is told to.
 *
 * @param {FakeServer} server
 * @param {Parameters<FakeServer['drained']>[0]} result
 */
function silentWith(server, result) {
  server.tellsStored = false;
  server.onDrain(() => server.drained(result));
}

/** @param {string} cacheDirectory */
const asked = (cacheDirectory, limit = '60000ms') =>
  `--folder ${path.join(cacheDirectory, '.nx-azure-cache', '4711-fake')} --limit ${limit} --silence 30000ms --parent PPID`;

describe('results that are not stored at the end', { concurrency: 3 }, () => {
  // Of a signal Nx makes 130, 143 and 129; Nx 21 to 23 make 130 of a failure, too.
  for (const exit of [undefined, 0, 1, 3, 130, 143, 129]) {
    test(`are waited for, once; exit ${exit ?? 'by itself'}`, async (t) => {
      const binary = fakeServer(t, silent);
      const { report, lines, cacheDirectory } = await play(t, store, {
        ...{ binary, exit, args: 3 },
      });
      assert.deepEqual(report, [true, true, true]);
      assert.deepEqual(lines, []);
      assert.deepEqual(drains(binary), [asked(cacheDirectory)]);
    });
  }

  test('process.exitCode stays', async (t) => {
    const binary = fakeServer(t, silent);
    const run = play(
      t,
      async ({ open, cacheDirectory }) => {
        await (await open()).store('h', cacheDirectory, '', 0);
        process.exitCode = 3;
      },
      { binary },
    );
    await assert.rejects(run, /3 !== 0/);
    assert.equal(drains(binary).length, 1);
  });

  test('the limit is that of the server', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.tellsStored = false;
      server.on('initialize', (_, answer) =>
        answer.result(server.hello({ session: '1-x', drain: 0 })),
      );
    });
    const { cacheDirectory } = await play(t, store, { binary, args: 1 });
    assert.deepEqual(drains(binary), [
      `--folder ${cacheDirectory}/.nx-azure-cache/1-x --limit 0ms --silence 30000ms --parent PPID`,
    ]);
  });

  for (const when of ['before', 'after']) {
    test(`nothing is left when all is told ${when} the answer`, async (t) => {
      const binary = fakeServer(
        t,
        (server, when) => {
          server.tellsStored = false;
          server.on('store', ({ hash }, answer) => {
            if (when === 'before') server.stored(hash);
            answer.result({ queued: true, reason: '' });
            if (when === 'after') server.stored(hash);
            server.notify('log', { level: 'warn', message: 'all is told' });
          });
        },
        when,
      );
      const { report, lines } = await play(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          const stored = await cache.store('h', cacheDirectory, '', 0);
          await cache.retrieve('h', cacheDirectory); // what came before is read
          return stored;
        },
        { binary },
      );
      assert.equal(report, true);
      assertOneLine(lines, 'all is told');
      assert.deepEqual(drains(binary), []);
    });
  }

  for (const CI of ['true', 'false']) {
    test(`a request without an answer is waited for, CI=${CI}`, async (t) => {
      const left = { ended: 'limit', waiting: 1, processId: 1 };
      const binary = fakeServer(
        t,
        (server, left) => {
          server.on('store', () => {});
          server.onDrain(() => server.drained(left));
        },
        left,
      );
      const { lines, cacheDirectory } = await play(
        t,
        async ({ open, cacheDirectory }) => {
          const cache = await open();
          void cache.store('h', cacheDirectory, '', 0); // as with --nxBail
        },
        { binary, env: { CI }, exit: 1 },
      );
      assert.deepEqual(drains(binary), [asked(cacheDirectory)]);
      const [line, summary] = lines;
      assert.match(line, /: 1 result was not stored within 60 s after the run/);
      if (CI === 'true') assert.match(summary, /, 1 unfinished, /);
      else assert.equal(summary, undefined);
    });
  }

  test('of a server that is gone before it has accepted anything is no line', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('store', () => {});
      server.onDrain(() => server.drained({ ended: 'gone' }));
    });
    const { lines } = await play(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        void cache.store('h', cacheDirectory, '', 0);
      },
      { binary, exit: 1 },
    );
    assert.deepEqual(lines, []);
    assert.equal(drains(binary).length, 1);
  });

  test('a result that was not accepted is not waited for', async (t) => {
    const binary = fakeServer(t, (server) => {
      let seen = 0;
      server.on('store', (_, answer) => {
        if (seen++ === 0) answer.result({ queued: false, reason: 'is odd' });
        else answer.error(2, 'no');
      });
    });
    const { report, lines } = await play(t, store, { binary, args: 2 });
    assert.deepEqual(report, [false, false]);
    assert.equal(lines.length, 2);
    assert.deepEqual(drains(binary), []);
  });

  test('nothing was stored, and nobody wants a summary', async (t) => {
    const binary = fakeServer(t);
    const { lines } = await play(t, retrieve, { binary, exit: 0 });
    assert.deepEqual(lines, []);
    assert.deepEqual(drains(binary), []);
  });

  for (const [what, isChanged, servers] of /** @type {const} */ ([
    ['two configurations are waited for, one after the other', true, 2],
    ['two caches of one configuration are waited for together', false, 1],
  ])) {
    test(`of ${what}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.tellsStored = false;
        server.on('initialize', (_, answer) =>
          answer.result(server.hello({ session: `${process.pid}` })),
        );
      });
      const { report, lines } = await play(
        t,
        async ({ getRemoteCache, cacheDirectory }, isChanged) => {
          const answers = [];
          for (let i = 0; i < 2; i++) {
            if (isChanged) {
              const nxJson = JSON.stringify({ azure: { prefix: `p${i}` } });
              require('node:fs').writeFileSync('nx.json', nxJson);
            }
            const cache = await getRemoteCache();
            answers.push(await cache?.store('h', cacheDirectory, '', 0));
          }
          return answers;
        },
        { binary, args: isChanged, env: { CI: 'true' } },
      );
      assert.deepEqual(report, [true, true]);
      assert.equal(drains(binary).length, servers);
      assert.equal(new Set(drains(binary)).size, servers);
      assert.equal(lines.length, servers);
      for (const line of lines) assert.match(line, /: 0 hits, /);
    });
  }

  test('exit while the server is being initialized', async (t) => {
    const binary = fakeServer(t, (server) => server.on('initialize', () => {}));
    const { lines } = await play(
      t,
      async ({ getRemoteCache }) => {
        void getRemoteCache();
        await new Promise((resolve) => setTimeout(resolve, 200));
      },
      { binary, exit: 3, env: { CI: 'true' } },
    );
    assert.deepEqual(lines, []);
    assert.deepEqual(drains(binary), []);
  });
});

describe('what drain says', { concurrency: 3 }, () => {
  /** @type {Record<string, [Record<string, unknown>, RegExp | undefined]>} */
  const ends = {
    stored: [{ ended: 'stored' }, undefined],
    gone: [
      { ended: 'gone', waiting: 2 },
      /: the cache process has ended before its results were stored; if it happens again, report it/,
    ],
    limit: [
      { ended: 'limit', waiting: 2 },
      /: 2 results were not stored within 60 s after the run; to wait longer raise azure\.timeouts\.drain in nx\.json$/,
    ],
    'limit with one': [
      { ended: 'limit', waiting: 1 },
      /: 1 result was not stored within 60 s/,
    ],
    'limit with a server that does not end': [
      { ended: 'limit', waiting: 2, isLeft: true },
      /in nx\.json; it does not end: kill process 4711$/,
    ],
    silent: [
      { ended: 'silent', waiting: 2 },
      /: 2 results were not stored: the cache process has stopped responding \(.*\) and was ended; if it happens again, report it/,
    ],
    'silent with a server that does not end': [
      { ended: 'silent', waiting: 1, isLeft: true },
      /: 1 result was not stored: the cache process has stopped responding \(.*\); it does not end: kill process 4711$/,
    ],
    unknown: [
      { ended: 'unknown', waiting: 0 },
      /: the results may not all be stored: the cache process cannot write to .*; is the disk full\?$/,
    ],
    'unknown with a reason': [
      { ended: 'unknown', waiting: 0, reason: 'FOLDER is a symbolic link' },
      /: the results may not all be stored: FOLDER is a symbolic link$/,
    ],
    interrupted: [
      { ended: 'interrupted', waiting: 2 },
      /: 2 results are still being stored, for at most 60 s$/,
    ],
  };
  for (const [what, [result, says]] of Object.entries(ends)) {
    test(`${what}: ${says ? 'one line' : 'no line'}`, async (t) => {
      const binary = fakeServer(t, silentWith, result);
      const { lines } = await play(t, store, { binary, args: 2, exit: 3 });
      if (says) assertOneLine(lines, says);
      else assert.deepEqual(lines, []);
      assert.equal(drains(binary).length, 1);
    });
  }

  test('troubles are a line per kind, those that were told none', async (t) => {
    const failed = { hash: 'h', bytes: 0, outcome: 'failed' };
    const refused = { hash: 'h9', bytes: 0, outcome: 'refused' };
    const binary = fakeServer(
      t,
      (server, { troubles, told }) => {
        server.tellsStored = false;
        server.on('store', (_, answer) => {
          answer.result({ queued: true, reason: '' });
          server.stored('h0', told);
        });
        server.onDrain(() => server.drained({ troubles }));
      },
      {
        told: { ...failed, reason: 'told', code: 1 },
        troubles: [
          { ...failed, reason: 'again', code: 1 },
          { ...failed, reason: 'no space', code: 5 },
          { ...failed, reason: 'the end', code: -32800 },
          { ...refused, reason: 'cannot be stored: dist/socket is a socket' },
          { ...refused, reason: 'cannot be stored: another' },
        ],
      },
    );
    const { lines } = await play(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        await cache.store('h0', cacheDirectory, '', 0);
        await cache.retrieve('h', cacheDirectory); // what came before is read
        await cache.store('h1', cacheDirectory, '', 0);
      },
      { binary, env: { CI: 'true' } },
    );
    assert.equal(lines.length, 4, lines.join('\n'));
    assert.match(lines[0], /writing to .* without it: told \(if this persists/);
    assert.match(lines[1], /writing to .* without it: no space$/);
    assert.match(
      lines[2],
      /: the result h9 cannot be stored: dist\/socket is a socket$/,
    );
    assert.match(lines[3], /0 hits/);
  });

  test('what became of a result is told without drain, too', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.tellsStored = false;
      const outcomes = [
        { outcome: 'exists' },
        { outcome: 'changed', reason: 'its outputs were changed' },
        { outcome: 'failed', reason: 'given up', code: -32800 },
        { outcome: 'refused', reason: 'cannot be stored: a is a socket' },
        { outcome: 'refused', reason: 'cannot be stored: b is a socket' },
        { outcome: 'failed', reason: 'bad luck', code: 1 },
        { outcome: 'failed', reason: 'it is off', code: 4 },
        { outcome: 'failed', reason: 'bad luck', code: 1 },
      ];
      let seen = 0;
      server.on('store', ({ hash }, answer) => {
        server.stored(hash, { bytes: 0, ...outcomes[seen++] });
        answer.result({ queued: true, reason: '' });
      });
    });
    const { lines } = await play(t, store, { binary, args: 8 });
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.match(lines[0], /: the result h3 cannot be stored: a is a socket$/);
    assert.match(lines[1], /without it: it is off \(if this persists/);
    assert.deepEqual(drains(binary), []);
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const failures = {
    'ends with a code': () => process.exit(7),
    'is killed': () => process.kill(process.pid, 'SIGKILL'),
    'says nothing': () => process.exit(),
    'says junk': (server) => {
      server.write('hello\u001b[2J\n');
      process.exit();
    },
    'says null': (server) => {
      server.write('null');
      process.exit();
    },
    'says nothing of what it should': (server) => {
      server.write('{}');
      process.exit();
    },
    'says no summary': (server) => server.drained({ summary: { hits: 'x' } }),
    'says troubles that are none': (server) => server.drained({ troubles: 5 }),
    'says a trouble that is none': (server) =>
      server.drained({ troubles: [null] }),
    'says far too much': () => {
      process.stdout.write(Buffer.alloc(4 * 2 ** 20, 'x'), () =>
        process.exit(),
      );
    },
    'closes stdout': () => {
      require('node:fs').closeSync(1);
      setTimeout(() => process.exit(), 100);
    },
  };
  for (const [what, failure] of Object.entries(failures)) {
    for (const CI of [undefined, 'true']) {
      test(`drain ${what}, CI=${CI}`, async (t) => {
        const script = `(server) => {
          server.tellsStored = false;
          server.onDrain(() => (${failure})(server));
        }`;
        const binary = fakeServer(t, /** @type {any} */ (script));
        const { report, lines } = await play(t, store, {
          ...{ binary, args: 1, exit: 3, env: { CI } },
        });
        assert.deepEqual(report, [true]);
        assertOneLine(
          lines,
          ': the results may not all be stored: ',
          /; if it happens again, report it/,
        );
        assert.equal(drains(binary).length, 1);
      });
    }
  }

  test('drain cannot be started', async (t) => {
    const binary = fakeServer(t, silent);
    const { lines } = await play(
      t,
      async ({ open, cacheDirectory }, binary) => {
        await (await open()).store('h', cacheDirectory, '', 0);
        require('node:fs').rmSync(binary);
      },
      { binary, args: binary, exit: 3, env: { CI: 'true' } },
    );
    assertOneLine(lines, 'the results may not all be stored: ', 'ENOENT');
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const hangs = {
    'hangs, whatever it is told': (server) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
        process.on(signal, () => {});
      }
      server.hang();
    },
    'is stopped': () => process.kill(process.pid, 'SIGSTOP'),
    'leaves somebody with its stdout': (server) => {
      const { spawn } = require('node:child_process');
      spawn('sleep', ['14'], { stdio: ['ignore', 'inherit', 'ignore'] });
      server.drained();
    },
  };
  for (const [what, hang] of Object.entries(hangs)) {
    test(`drain ${what}: it is given up after its limit`, async (t) => {
      const script = `(server) => {
        server.tellsStored = false;
        server.on('initialize', (_, answer) =>
          answer.result(server.hello({ drain: 100 })),
        );
        server.onDrain(() => (${hang})(server));
      }`;
      const binary = fakeServer(t, /** @type {any} */ (script));
      const { lines } = await play(t, store, {
        ...{ binary, args: 1, exit: 3, within: 15_000 },
      });
      assertOneLine(lines, 'the results may not all be stored: ', 'ETIMEDOUT');
      assert.equal(drains(binary).length, 1);
    });
  }
});

describe('the summary', { concurrency: 3 }, () => {
  const full = {
    ended: 'limit',
    waiting: 9,
    summary: {
      ...{ hits: 1, misses: 2, stored: 3, existing: 4, damaged: 5 },
      ...{
        skipped: 6,
        evicted: 10,
        failed: 7,
        bytesRead: 1_234_567,
        bytesWritten: 9,
      },
    },
  };

  for (const env of [
    { CI: 'true' },
    { GITHUB_ACTIONS: 'true' },
    { NX_VERBOSE_LOGGING: 'true' },
    { CI: 'true', NX_VERBOSE_LOGGING: 'true' },
  ]) {
    test(`is one line with ${Object.keys(env)}`, async (t) => {
      const binary = fakeServer(t, (server) => {
        const summary = { hits: 1, misses: 1, stored: 2, bytesRead: 2_000_000 };
        server.on('initialize', (_, answer) =>
          answer.result(server.hello({ mode: 'read-only' })),
        );
        server.onDrain(() => server.drained({ summary }));
      });
      const { lines, cacheDirectory } = await play(t, retrieve, {
        ...{ binary, env, exit: 0 },
      });
      assertOneLine(
        lines,
        /^nx-azure-cache: 1 hit, 1 miss, 2 stored, 2\.0 MB read, 0\.0 MB written, \d+\.\d s waited, read-only, scope local \(not in CI\), https:\/\/acme\.blob\.core\.windows\.net\/nx-cache$/,
      );
      assert.deepEqual(drains(binary), [asked(cacheDirectory, '1000ms')]);
    });
  }

  for (const env of [{}, { CI: 'false' }, { NX_VERBOSE_LOGGING: 'false' }]) {
    test(`is not there with ${JSON.stringify(env)}`, async (t) => {
      const binary = fakeServer(t);
      const { lines } = await play(t, retrieve, { binary, env, exit: 0 });
      assert.deepEqual(lines, []);
      assert.deepEqual(drains(binary), []);
    });
  }

  test('names what is rare where it is', async (t) => {
    const binary = fakeServer(t, silentWith, full);
    const { lines } = await play(t, store, {
      ...{ binary, args: 1, env: { CI: 'true' } },
    });
    assert.equal(lines.length, 3);
    assert.match(
      lines[0],
      /: 10 results were not stored: their outputs were removed/,
    );
    assert.match(lines[1], /: 9 results were not stored within 60 s/);
    assert.match(
      lines[2],
      /: 1 hit, 2 misses, 3 stored, 4 existing, 5 damaged, 6 skipped, 10 evicted, 7 failed, 9 unfinished, 1\.2 MB read, 0\.0 MB written, \d+\.\d s waited, read-write, scope local \(not in CI\), https:/,
    );
  });

  /** @type {Record<string, (server: FakeServer) => void>} */
  const failures = {
    'publishes nothing': (server) => server.drained({ ended: 'limit' }),
    'is gone': (server) => server.drained({ ended: 'gone' }),
    'cannot be asked': () => process.exit(7),
  };
  for (const [what, failure] of Object.entries(failures)) {
    test(`of a server that ${what} is missed by nobody`, async (t) => {
      const script = `(server) => server.onDrain(() => (${failure})(server))`;
      const binary = fakeServer(t, /** @type {any} */ (script));
      const { lines, cacheDirectory } = await play(t, retrieve, {
        ...{ binary, exit: 3, env: { CI: 'true' } },
      });
      assert.deepEqual(lines, []); // nothing was to be stored
      assert.deepEqual(drains(binary), [asked(cacheDirectory, '1000ms')]);
    });
  }

  test('of a run that has asked nothing needs no drain', async (t) => {
    const binary = fakeServer(t);
    const { lines } = await play(t, async ({ open }) => void (await open()), {
      ...{ binary, env: { CI: 'true' } },
    });
    assertOneLine(lines, ': 0 hits, 0 misses, 0 stored, ');
    assert.deepEqual(drains(binary), []);
  });

  test('counts the time that Nx has waited, drain included', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.on('retrieve', (_, answer) =>
        setTimeout(() => answer.result(null), 1_100),
      );
      server.onDrain(() => setTimeout(() => server.drained(), 1_100));
    });
    const { lines } = await play(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const call = () => cache.retrieve('h', cacheDirectory);
        return Promise.all(Array.from({ length: 20 }, call));
      },
      { binary, env: { CI: 'true' } },
    );
    const seconds = Number(/(\d+\.\d) s waited/.exec(lines[0])?.[1]);
    assert.ok(seconds >= 2.2, lines[0]);
    assert.ok(seconds < 20, lines[0]); // the calls are not added up
  });

  test('is not there when the server has died', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', () => process.exit(1)),
    );
    const { lines } = await play(t, retrieve, { binary, env: { CI: 'true' } });
    assertOneLine(lines, 'ended with exit code 1');
    assert.deepEqual(drains(binary), []);
  });

  for (const results of [1, 2]) {
    test(`a server that has died with ${results} to store says so`, async (t) => {
      const binary = fakeServer(t, (server) => {
        server.tellsStored = false;
        server.on('retrieve', () => process.exit(1));
      });
      const { lines } = await play(
        t,
        async ({ open, cacheDirectory }, results) => {
          const cache = await open();
          for (let i = 0; i < results; i++) {
            await cache.store(`h${i}`, cacheDirectory, '', 0);
          }
          return cache.retrieve('h', cacheDirectory);
        },
        { binary, args: results, env: { CI: 'true' } },
      );
      assertOneLine(
        lines,
        results === 1
          ? 'ended with exit code 1; 1 result was not stored; if it happens'
          : 'ended with exit code 1; 2 results were not stored; if it happens',
      );
      assert.deepEqual(drains(binary), []);
    });
  }

  test('a server that has died before its answer was heard says so', async (t) => {
    const { lines } = await play(t, async ({ shim }) => {
      const { Run } = require(`${shim}/lib/run.js`);
      const client = { ended: true, waited: 0, wake: () => {} };
      const session = { session: 's', patience: 1, drain: 1 };
      const run = new Run({ binary: '/nowhere', client, session, ci: true });
      run.storeSent();
      run.storeSent();
      run.lost('it is gone');
      run.storeAnswered(true);
      run.storeAnswered(true);
      run.end(0);
    });
    assertOneLine(lines, 'it is gone; 2 results were not stored; ');
  });

  test('a server that has just died is found gone', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.tellsStored = false;
      server.on('store', (_, answer) => {
        answer.result({ queued: true, reason: '' });
        process.kill(process.pid, 'SIGKILL');
      });
      server.onDrain(() => server.drained({ ended: 'gone' }));
    });
    const { lines } = await play(t, store, { binary, args: 1, exit: 3 });
    // Who is told first is a matter of chance; the result is in both lines.
    assertOneLine(
      lines,
      /ended before its results were|1 result was not stored/,
    );
  });
});
