'use strict';

// nx#36036: a burst of parallel tasks met refused connections, and the tasks failed.

const assert = require('node:assert/strict');
const { connectionString, startAzurite } = require('../kit/azurite');
const { createContainer } = require('../kit/azurite');
const { onMain } = require('../kit/ci');
const { startFixture } = require('../kit/fixture');
const { freePort } = require('../kit/server');
const { silence } = require('../kit/http-faults');
const { build, tasks } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { serverOf } = require('../kit/processes');
const { startSaturatedServer } = require('../kit/saturated-server');
const { outputsOfMany, writeMany } = require('./many-projects');
const { assertUndisturbed } = require('./undisturbed');
const { shortTimeouts } = require('./workspace');

/** @typedef {import('../kit/fixture').Fixture} Fixture */
/** @typedef {{ connectionString?: string, timeouts?: object, env?: NodeJS.ProcessEnv }} Storage */

/**
 * Resets every third connection.
 *
 * @param {Fixture['recorder']} recorder
 */
function resetEveryThird({ server }) {
  let connections = 0;
  server.prependListener('connection', (socket) => {
    if (++connections % 3 === 0) socket.resetAndDestroy();
  });
}

quickTest('F03_connections_refused_from_the_first_upload_on', async (t) => {
  const { machine, recorder, toxiproxy } = await startFixture(t);
  const proxy = await toxiproxy();
  recorder.fault = async ({ method, pass, request }) => {
    if (method === 'GET') return pass();
    request.on('error', () => {});
    await proxy.refuse();
  };
  const env = { AZURE_STORAGE_CONNECTION_STRING: proxy.connectionString };
  await assertUndisturbed(machine('a', { env }), { line: /remote cache/ });
});

quickTest('F03_every_third_connection_reset', async (t) => {
  const { machine, recorder } = await startFixture(t);
  resetEveryThird(recorder);
  await assertUndisturbed(machine('a'), { line: null });
  await assertUndisturbed(machine('b'), {
    line: null,
    status: 'remote-cache-hit',
  });
});

fullTest('F03_every_connection_reset_after_20_ms', async (t) => {
  const { machine, toxiproxy } = await startFixture(t);
  const proxy = await toxiproxy();
  await proxy.add('reset_peer', 'downstream', { timeout: 20 });
  const env = { AZURE_STORAGE_CONNECTION_STRING: proxy.connectionString };
  await assertUndisturbed(machine('a', { env }));
});

fullTest('F03_Azurite_stops_during_a_run', async (t) => {
  const { container, machine } = await startFixture(t);
  const azurite = await startAzurite();
  t.after(() => azurite.stop());
  await createContainer(azurite.connectionString, container);
  const a = machine('a', {
    env: {
      AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString,
      BUILD_TIME: '1000',
    },
  });
  const run = assertUndisturbed(a, { line: /remote cache/ });
  // The tasks take a second, so Azurite stops between the reads and the writes.
  await serverOf(a);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await azurite.stop();
  await run;
});

/**
 * Returns a connection string whose host has no address. It uses https, because the cache sends
 * a key in clear text only to this machine.
 *
 * @param {string} connectionString
 */
function toUnknownHost(connectionString) {
  return connectionString
    .replace('http://127.0.0.1', 'https://storage.invalid')
    .replace('Protocol=http;', 'Protocol=https;');
}

const unknownHost = /storage\.invalid (does not exist|is not found) \(DNS/;

/** @type {Record<string, { prepare: (fixture: Fixture, t: import('node:test').TestContext) => Storage | Promise<Storage>, line: RegExp | null }>} */
const storages = {
  healthy: { prepare: () => ({}), line: null },
  every_third_connection_reset: {
    prepare({ recorder }) {
      resetEveryThird(recorder);
      // CI sends one request for each result. A developer's machine opens twice as many
      // connections at once, and one of its 600 requests was reset three times.
      return { env: onMain };
    },
    line: null,
  },
  connections_refused: {
    prepare: async () => ({
      connectionString: connectionString(await freePort()),
    }),
    line: /connection refused/,
  },
  unknown_host: {
    prepare: ({ recorder }) => ({
      connectionString: toUnknownHost(recorder.connectionString),
    }),
    line: unknownHost,
  },
  connections_not_accepted: {
    prepare: async (_, t) => ({
      connectionString: connectionString(await startSaturatedServer(t)),
      timeouts: shortTimeouts,
    }),
    line: /remote cache/,
  },
  silent_storage: {
    prepare({ recorder }) {
      recorder.fault = silence;
      return { timeouts: shortTimeouts };
    },
    line: /remote cache/,
  },
};

for (const [name, { prepare, line }] of Object.entries(storages)) {
  fullTest(`F03_300_projects_${name}`, async (t) => {
    const fixture = await startFixture(t);
    const { connectionString, timeouts, env } = await prepare(fixture, t);
    const makeMachine = (/** @type {string} */ name) => {
      const machine = fixture.machine(name, {
        ...(timeouts && { azure: { timeouts } }),
        env: {
          ...env,
          ...(connectionString && {
            AZURE_STORAGE_CONNECTION_STRING: connectionString,
          }),
        },
      });
      writeMany(machine, 300);
      return machine;
    };
    const expected = { args: [...build, '--parallel=8'], line };
    const outputs = outputsOfMany(300);
    const a = makeMachine('a');
    await assertUndisturbed(a, { ...expected, status: null, outputs });
    assert.equal(Object.keys(a.lastRun()).length, 300);
    if (name !== 'healthy' && name !== 'every_third_connection_reset') return;

    const b = makeMachine('b');
    await assertUndisturbed(b, { ...expected, status: null, outputs });
    const hits = Object.values(b.lastRun()).filter(
      ({ cacheStatus }) => cacheStatus === 'remote-cache-hit',
    );
    assert.equal(hits.length, 300);
  });
}

fullTest('F03_unknown_host', async (t) => {
  const { machine, recorder } = await startFixture(t);
  const a = machine('a', {
    env: {
      AZURE_STORAGE_CONNECTION_STRING: toUnknownHost(recorder.connectionString),
    },
  });
  await assertUndisturbed(a, { line: unknownHost });
  assert.equal(Object.keys(a.lastRun()).length, tasks.length);
});
