'use strict';

// Nx opens a cache for each run of tasks. Commands that run tasks many times in one process
// share a server.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { configurationOf } = require('../lib/server');
const { Servers } = require('../lib/servers');
const { fakeServer, pids, runAsNx, packageFolder } = require('./fixture');

/** Servers, and how often each configuration was started. */
function counted() {
  /** @type {Servers<{ isLost: boolean }>} */
  const servers = new Servers();
  let starts = 0;
  return {
    /**
     * @param {unknown} configuration
     * @param {{ isLost: boolean } | null | Error} [outcome] of its start
     */
    open: (configuration, outcome = { isLost: false }) =>
      servers.open(configuration, async () => {
        starts++;
        if (outcome instanceof Error) throw outcome;
        return outcome;
      }),
    /** Since the last call. */
    starts() {
      const count = starts;
      starts = 0;
      return count;
    },
  };
}

describe('servers', () => {
  test('a configuration is started once', async () => {
    const { open, starts } = counted();
    const first = await open(['a', { x: 1 }]);
    for (let i = 0; i < 40; i++) {
      assert.equal(await open(['a', { x: 1 }]), first);
    }
    assert.equal(starts(), 1);
    assert.notEqual(await open(['a', { x: 2 }]), first);
    assert.equal(await open(['a', { x: 1 }]), first);
    assert.equal(starts(), 1);
  });

  test('concurrent callers get the same server', async () => {
    const { open, starts } = counted();
    const opened = await Promise.all(
      Array.from({ length: 40 }, () => open('a')),
    );
    assert.equal(new Set(opened).size, 1);
    assert.equal(starts(), 1);
  });

  test('remembers that there is no cache', async () => {
    const { open, starts } = counted();
    for (let i = 0; i < 3; i++) assert.equal(await open('a', null), null);
    assert.equal(starts(), 1);
  });

  test('a server that could not start is started twice at most', async () => {
    const { open, starts } = counted();
    const failure = new Error('it hangs');
    for (let i = 0; i < 5; i++)
      await assert.rejects(open('a', failure), failure);
    assert.equal(starts(), 2);

    await assert.rejects(open('b', failure), failure);
    const second = await open('b');
    assert.equal(await open('b', failure), second);
    assert.equal(starts(), 2);
  });

  test('a lost server is started twice at most', async () => {
    const { open, starts } = counted();
    const first = { isLost: false };
    const second = { isLost: false };
    assert.equal(await open('a', first), first);
    first.isLost = true;
    assert.equal(await open('a', second), second);
    assert.equal(await open('a'), second);
    second.isLost = true;
    for (let i = 0; i < 5; i++) assert.equal(await open('a'), second);
    assert.equal(starts(), 2);
  });

  test('the number of configurations is limited', async () => {
    const { open, starts } = counted();
    for (let i = 0; i < 21; i++) await open(i);
    assert.equal(starts(), 21);
    for (let i = 20; i > 0; i--) await open(i);
    assert.equal(starts(), 0);
    await open(0);
    assert.equal(starts(), 1);
  });
});

describe('a configuration', () => {
  /** @type {any} */
  const params = { workspaceRoot: '/w' };
  const key = (/** @type {NodeJS.ProcessEnv} */ env, more = {}) =>
    JSON.stringify(configurationOf('/b', env, { ...params, ...more }));
  const claim = (/** @type {string} */ name) => ({
    claims: [{ name, value: 'x', file: '' }],
  });

  // They are in the environment if the system does not keep the initial variables, and in
  // claims if it does.
  for (const name of [
    'NX_STREAM_OUTPUT',
    'NX_PREFIX_OUTPUT',
    'NX_LOAD_DOT_ENV_FILES',
    'NX_TUI',
    'NX_DRY_RUN',
    'NX_VERBOSE_LOGGING',
  ]) {
    test(`does not depend on ${name}, which Nx sets`, () => {
      assert.equal(key({ CI: '1', [name]: 'x' }), key({ CI: '1' }));
      assert.equal(key({}, claim(name)), key({}, { claims: [] }));
    });
  }

  test('depends on each variable that the binary reads', () => {
    const names = variablesOfNx();
    assert.ok(names.includes('NX_ALLOW_INSECURE_DIRECTORIES'));
    assert.ok(names.includes('NX_POWERPACK_LICENSE'));
    for (const name of ['PATH', 'GITHUB_REF', ...names]) {
      assert.notEqual(key({ [name]: 'x' }), key({}), name);
      assert.notEqual(key({}, claim(name)), key({}, { claims: [] }), name);
    }
  });

  test('does not depend on the order of variables', () => {
    assert.equal(key({ A: '1', B: '2' }), key({ B: '2', A: '1' }));
  });
});

/** The variables with Nx's prefix that are string literals in the Go source. */
function variablesOfNx() {
  const found = new Set();
  for (const folder of ['cache', 'cmd/nx-azure-cache', 'license', 'rpc']) {
    const at = path.join(packageFolder, '..', '..', folder);
    const names = fs.readdirSync(at, { recursive: true, encoding: 'utf8' });
    for (const name of names) {
      if (!/(?<!_test)\.go$/.test(name) || /(azure|cache)test/.test(name))
        continue;
      const text = fs.readFileSync(path.join(at, name), 'utf8');
      for (const [, variable] of text.matchAll(/"(NX_[A-Z_]+[A-Z])"/g)) {
        found.add(variable);
      }
    }
  }
  return [...found];
}

describe('caches of one process', { concurrency: 3 }, () => {
  for (const [how, isConcurrent] of /** @type {const} */ ([
    ['one after the other', false],
    ['at the same time', true],
  ])) {
    test(`40 caches share one child: ${how}`, async (t) => {
      const binary = fakeServer(t);
      const { report, lines } = await runAsNx(
        t,
        async ({ open, cacheDirectory }, isConcurrent) => {
          const caches = isConcurrent
            ? await Promise.all(Array.from({ length: 40 }, () => open()))
            : [];
          while (caches.length < 40) caches.push(await open());
          const { getActiveResourcesInfo } = process;
          const answers = await Promise.all(
            caches.map(({ store }, i) => store(`h${i}`, cacheDirectory, '', 0)),
          );
          return {
            answers,
            listeners: process.listenerCount('exit'),
            children: getActiveResourcesInfo
              .call(process)
              .filter((kind) => kind === 'ProcessWrap').length,
          };
        },
        { binary, args: isConcurrent },
      );
      assert.deepEqual(report.answers, Array(40).fill(true));
      assert.ok(report.children <= 1, `${report.children} children`);
      assert.deepEqual(lines, []);
      assert.equal(pids(binary).length, 1);
    });
  }

  test('a run has one summary', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.onDrain(() => server.drained({ summary: { hits: 7 } }));
    });
    const { lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        for (let i = 0; i < 12; i++) {
          await (await open()).retrieve(`h${i}`, cacheDirectory);
        }
      },
      { binary, env: { CI: 'true' } },
    );
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], /: 7 hits, /);
    assert.equal(pids(binary).length, 2, 'a server and a drain');
  });

  test('a server that is off is initialized once', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('initialize', (_, respond) =>
        respond.result(server.hello({ enabled: false, reason: 'no license' })),
      ),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ getRemoteCache }) => {
        const caches = [];
        for (let i = 0; i < 12; i++) caches.push(await getRemoteCache());
        return caches;
      },
      { binary },
    );
    assert.deepEqual(report, Array(12).fill(null));
    assert.equal(lines.length, 1);
    assert.equal(pids(binary).length, 1);
  });

  /** @type {Record<string, () => void>} each changes what a server depends on */
  const changes = {
    'block azure of nx.json': () =>
      require('node:fs').writeFileSync('nx.json', '{"azure":{"prefix":"x"}}'),
    'defaultBase of nx.json': () =>
      require('node:fs').writeFileSync('nx.json', '{"defaultBase":"next"}'),
    'variable of this process': () => void (process.env.GITHUB_REF = 'x'),
    'file .env': () => {
      require('node:fs').writeFileSync('.env', 'NX_AZURE_CACHE_MODE=local');
      process.env.NX_AZURE_CACHE_MODE = 'local';
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`another ${what} starts another server; the same one does not`, async (t) => {
      const binary = fakeServer(t);
      const { report } = await runAsNx(
        t,
        /** @type {any} */ (
          `async ({ open }, binary) => {
            const { readFileSync } = require('node:fs');
            const started = () => readFileSync(binary + '.pids', 'utf8').trim().split(' ').length;
            const counts = [];
            await open();
            await open();
            counts.push(started());
            ({ change: ${String(change)} }).change();
            await open();
            await open();
            counts.push(started());
            return counts;
          }`
        ),
        { binary, args: binary },
      );
      assert.deepEqual(report, [1, 2]);
    });
  }

  test('variables that Nx sets for a run of tasks start no other server', async (t) => {
    const binary = fakeServer(t);
    await runAsNx(
      t,
      async ({ open }) => {
        await open();
        process.env.NX_STREAM_OUTPUT = 'true';
        process.env.NX_LOAD_DOT_ENV_FILES = 'true';
        await open();
      },
      { binary },
    );
    assert.equal(pids(binary).length, 1);
  });

  test('after a lost child, a new cache starts another one, once', async (t) => {
    const binary = fakeServer(t, (server) =>
      server.on('retrieve', ({ hash }, respond) => {
        if (hash === 'fatal') process.exit(1);
        respond.result({
          ...{ code: 0, outputsPath: '/x', size: 1, terminalOutput: hash },
        });
      }),
    );
    const { report, lines } = await runAsNx(
      t,
      async ({ open, getRemoteCache, cacheDirectory }) => {
        const first = await open();
        await first.retrieve('fatal', cacheDirectory);
        const second = await open();
        const answers = [
          await first.retrieve('h', cacheDirectory),
          await second.retrieve('h', cacheDirectory),
        ];
        await second.retrieve('fatal', cacheDirectory);
        return [
          ...answers.map((answer) => answer?.terminalOutput),
          await getRemoteCache(),
          await getRemoteCache(),
        ];
      },
      { binary },
    );
    assert.deepEqual(report, [null, 'h', null, null]);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], /exited with code 1/);
    assert.equal(pids(binary).length, 2);
  });

  test('a failing start is tried twice, however many caches there are', async (t) => {
    const binary = fakeServer(t, () => process.exit(1));
    const { report, lines } = await runAsNx(
      t,
      async ({ getRemoteCache }) => {
        const caches = [];
        for (let i = 0; i < 12; i++) caches.push(await getRemoteCache());
        return caches;
      },
      { binary },
    );
    assert.deepEqual(report, Array(12).fill(null));
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.equal(pids(binary).length, 2);
  });

  test('stored results are found in their cache directory', async (t) => {
    const binary = fakeServer(t, (server) => {
      server.reportsStored = false;
    });
    const { report } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const other = `${cacheDirectory}/other`;
        await cache.retrieve('miss', cacheDirectory);
        await cache.store('h', cacheDirectory, '', 0);
        // The server gets no request, so it has no folder there.
        await cache.retrieve('miss', other);
        return cacheDirectory;
      },
      { binary },
    );
    const { drains } = require('./fixture');
    assert.deepEqual(drains(binary), [
      `--folder ${report}/.nx-azure-cache/4711-fake --limit 60000ms --silence 30000ms --parent PPID`,
    ]);
  });
});
