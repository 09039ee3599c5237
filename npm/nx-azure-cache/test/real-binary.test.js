'use strict';

// The package with the real binary.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const {
  buildBlobService,
  startBlobService,
} = require('../../../scripts/kit/blob-service');
const { buildServer } = require('../../../scripts/kit/sessions/programs');
const {
  assertOneLine,
  runAsNx,
  root,
  temporaryFolder,
  writeExecutable,
} = require('./fixture');
const { version } = require('../package.json');

/** @import { TestContext } from 'node:test' */

const nxJson = JSON.stringify({ azure: { container: 'nx-cache' } });
const license = fs.readFileSync(
  path.join(root, 'testdata/license/valid.jwt'),
  'utf8',
);

/** The folder of the real binary. */
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-real-'));
const real = path.join(home, 'nx-azure-cache');
let blobService = '';

before(async () => {
  await buildServer(home, 'development');
  blobService = await buildBlobService(home);
});
after(() => fs.rmSync(home, { recursive: true, force: true }));

/**
 * The real binary behind a script that records its process ID, so that `runAsNx` can check
 * that it is gone.
 *
 * @param {TestContext} t
 */
function watched(t) {
  const file = path.join(temporaryFolder(t), 'binary');
  writeExecutable(
    file,
    `#!/bin/sh\nprintf "$$ " >>"$0.pids"\nexec '${real}' "$@"\n`,
  );
  return file;
}

/** @param {TestContext} t */
async function startStorage(t) {
  const storage = await startBlobService(t, blobService);
  const env = {
    AZURE_STORAGE_CONNECTION_STRING: storage.connectionString,
    NX_POWERPACK_LICENSE: license,
  };
  return { storage, env };
}

describe('with the real binary', { concurrency: 3 }, () => {
  for (const exit of [undefined, 3]) {
    const how = exit === undefined ? 'by itself' : `with process.exit(${exit})`;
    test(`miss, store, hit; Node ends ${how}`, async (t) => {
      const { env, storage } = await startStorage(t);
      const binary = watched(t);
      const options = { env, nxJson, binary, exit };

      const a = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const fs = require('node:fs');
          const cache = await open();
          const miss = await cache.retrieve('123', cacheDirectory);
          fs.mkdirSync(`${cacheDirectory}/123/dist`, { recursive: true });
          fs.writeFileSync(`${cacheDirectory}/123/dist/a.js`, 'content\n');
          const text = 'done ü€😀\n';
          const stored = await cache.store('123', cacheDirectory, text, 0);
          const again = await cache.store('123', cacheDirectory, text, 0);
          return { miss, stored, again };
        },
        options,
      );
      assert.deepEqual(a.report, { miss: null, stored: true, again: true });
      assert.deepEqual(a.lines, []);

      const b = await runAsNx(
        t,
        async ({ open, cacheDirectory }) => {
          const fs = require('node:fs');
          const hit = await (await open()).retrieve('123', cacheDirectory);
          const { outputsPath, ...others } = hit ?? {};
          return {
            ...others,
            isThere: outputsPath === `${cacheDirectory}/123`,
            content: fs.readFileSync(`${outputsPath}/dist/a.js`, 'utf8'),
          };
        },
        options,
      );
      assert.deepEqual(b.report, {
        code: 0,
        terminalOutput: 'done ü€😀\n',
        size: 8,
        isThere: true,
        content: 'content\n',
      });
      assert.deepEqual(fs.readdirSync(b.cacheDirectory), ['123']);
      assert.deepEqual(b.lines, []);
      // It looks in two scopes: the trusted one, and its own.
      const requests = await storage.takeRequests();
      const [miss, stores] = [requests.slice(0, 2), requests.slice(2, 4)];
      assert.deepEqual(miss, ['GET 404', 'GET 404']);
      assert.deepEqual(stores.sort(), ['PUT 201', 'PUT 409']);
      assert.deepEqual(requests.slice(4).sort(), ['GET 200', 'GET 404']);
    });
  }

  test('restores terminal output of any size', async (t) => {
    const { env } = await startStorage(t);
    const options = { env, nxJson, binary: watched(t) };
    const outputs = /** @type {const} */ ([
      ['', 1],
      ['x', 262_144],
      ['x', 262_145],
      ['€', 87_382],
      ['ü€😀\r\n\u001b[31m\0"\\', 300_000],
    ]);
    const a = await runAsNx(
      t,
      async ({ open, cacheDirectory }, outputs) => {
        const fs = require('node:fs');
        const cache = await open();
        const stored = outputs.map(([text, times], i) => {
          fs.mkdirSync(`${cacheDirectory}/${i}`);
          return cache.store(`${i}`, cacheDirectory, text.repeat(times), 0);
        });
        return Promise.all(stored);
      },
      { ...options, args: outputs },
    );
    const hashes = outputs.map((_, i) => `${i}`);
    assert.deepEqual(a.lines, []);
    assert.deepEqual(
      a.report,
      outputs.map(() => true),
    );
    assert.deepEqual(fs.readdirSync(a.cacheDirectory), hashes);

    const b = await runAsNx(
      t,
      async ({ open, cacheDirectory }, outputs) => {
        const cache = await open();
        return Promise.all(
          outputs.map(async ([text, times], i) => {
            const hit = await cache.retrieve(`${i}`, cacheDirectory);
            return hit?.terminalOutput === text.repeat(times);
          }),
        );
      },
      { ...options, args: outputs },
    );
    assert.deepEqual(b.lines, []);
    assert.deepEqual(
      b.report,
      outputs.map(() => true),
    );
    assert.deepEqual(fs.readdirSync(b.cacheDirectory), hashes);
  });

  test('300 calls at once', async (t) => {
    const { env } = await startStorage(t);
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) => {
        const cache = await open();
        const misses = Array.from({ length: 300 }, (_, i) =>
          cache.retrieve(`${i}`, cacheDirectory),
        );
        return [...new Set(await Promise.all(misses))];
      },
      { env, nxJson, binary: watched(t) },
    );
    assert.deepEqual(report, [null]);
    assert.deepEqual(lines, []);
  });

  test('the binary is killed during requests', async (t) => {
    const server = require('node:net').createServer(() => {}); // never answers
    server.listen(0, '127.0.0.1');
    await require('node:events').once(server, 'listening');
    t.after(() => server.close());
    const { port } = /** @type {import('node:net').AddressInfo} */ (
      server.address()
    );
    const { env } = await startStorage(t);
    const silent = env.AZURE_STORAGE_CONNECTION_STRING.replace(
      /127\.0\.0\.1:\d+/,
      `127.0.0.1:${port}`,
    );
    const binary = watched(t);
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }, binary) => {
        const cache = await open();
        setTimeout(() => {
          const pid = require('node:fs').readFileSync(`${binary}.pids`, 'utf8');
          process.kill(Number(pid), 'SIGKILL');
        }, 200).unref();
        return cache.retrieve('1', cacheDirectory);
      },
      {
        ...{ nxJson, binary, args: binary },
        env: { ...env, AZURE_STORAGE_CONNECTION_STRING: silent },
      },
    );
    assert.equal(report, null);
    assertOneLine(lines, 'was terminated by SIGKILL');
  });

  /** @type {Record<string, [object | undefined, NodeJS.ProcessEnv, RegExp]>} */
  const problems = {
    'no azure block': [undefined, {}, /"azure" in nx\.json is missing/],
    'an odd azure block': [['x'], {}, /"azure" in nx\.json must be an object/],
    'no container': [{}, {}, /azure\.container .*is missing/],
    'no license': [
      { container: 'nx-cache' },
      { NX_POWERPACK_LICENSE: '' },
      /licen[cs]e/,
    ],
  };
  for (const [what, [azure, more, says]] of Object.entries(problems)) {
    test(`${what}: one line`, async (t) => {
      const { env, storage } = await startStorage(t);
      const { report, lines } = await runAsNx(
        t,
        ({ getRemoteCache }) => getRemoteCache(),
        {
          binary: watched(t),
          env: { ...env, ...more },
          nxJson: JSON.stringify({ azure }),
        },
      );
      assert.equal(report, null);
      assertOneLine(lines, says);
      assert.deepEqual(await storage.takeRequests(), []);
    });
  }

  test('mode no-cache: no line', async (t) => {
    const { env } = await startStorage(t);
    const { report, lines } = await runAsNx(
      t,
      ({ getRemoteCache }) => getRemoteCache(),
      {
        binary: watched(t),
        env: { ...env, NX_POWERPACK_CACHE_MODE: 'no-cache' },
        nxJson,
      },
    );
    assert.equal(report, null);
    assert.deepEqual(lines, []);
  });

  test('the launcher runs the binary', () => {
    const launcher = path.join(__dirname, '..', 'bin', 'nx-azure-cache.js');
    const output = execFileSync(process.execPath, [launcher, 'version'], {
      env: { ...process.env, NX_AZURE_CACHE_BINARY: real },
      encoding: 'utf8',
    });
    assert.match(output, /^nx-azure-cache .*\n$/);
    assert.ok(output.includes(version));
  });
});
