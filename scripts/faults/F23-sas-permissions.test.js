'use strict';

// nx-remotecache-azure PR 1, PR 10: the client listed blobs or created the container, which a
// SAS with few permissions does not allow.

const assert = require('node:assert/strict');
const { sharedAccessSignature } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { runNx } = require('../kit/nx-runs');
const { fullTest, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');

/** @import { TestContext } from 'node:test' */

/**
 * Starts a fixture whose machines have a SAS, and records the operations that they send.
 *
 * @param {TestContext} t
 * @param {string} permissions
 */
async function startWithSAS(t, permissions) {
  const fixture = await startFixture(t);
  const { container, recorder } = fixture;
  const sas = sharedAccessSignature(container, permissions);
  /** @type {Set<string>} */
  const operations = new Set();
  recorder.fault = ({ method, path, pass }) => {
    operations.add(operationOf(method, path));
    pass();
  };
  const env = {
    AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=${recorder.endpoint};SharedAccessSignature=${sas}`,
  };
  return {
    ...fixture,
    machine: (/** @type {string} */ name) => fixture.machine(name, { env }),
    /** A machine with all permissions. */
    administrator: () => fixture.machine('administrator'),
    /** The operations since the last call. */
    operations() {
      const sent = [...operations].sort();
      operations.clear();
      return sent;
    },
  };
}

/**
 * Returns Azure's name of an operation on a whole blob, or the method and path of another
 * request.
 *
 * @param {string} method
 * @param {string} path
 */
function operationOf(method, path) {
  const { pathname, searchParams } = new URL(path, 'http://azurite');
  const isBlob = pathname.split('/').length > 3; // /account/container/name
  const isWhole = !searchParams.has('comp') && !searchParams.has('restype');
  const name = { GET: 'Get Blob', PUT: 'Put Blob' }[method];
  return isBlob && isWhole && name ? name : `${method} ${path}`;
}

for (const [permissions, runTest] of /** @type {const} */ ([
  ['rc', quickTest],
  ['rw', fullTest],
])) {
  runTest(`F23_sp=${permissions}_is_enough`, async (t) => {
    const { machine, operations } = await startWithSAS(t, permissions);
    await assertUndisturbed(machine('a'), { line: null });
    assert.deepEqual(operations(), ['Get Blob', 'Put Blob']);
    await assertUndisturbed(machine('b'), {
      line: null,
      status: 'remote-cache-hit',
    });
    assert.deepEqual(operations(), ['Get Blob']);
  });
}

quickTest('F23_sp=r_reads_and_reports_the_missing_permission', async (t) => {
  const { administrator, container, machine, operations } = await startWithSAS(
    t,
    'r',
  );
  await runNx(administrator(), ['run', 'words:build']);
  operations();
  const a = machine('a');
  await assertUndisturbed(a, {
    status: null,
    line: new RegExp(
      `${container} refused to put \\(403 AuthorizationPermissionMismatch\\): the SAS has the permissions sp=r but lacks "c", needed to restore and store results: create another with .* --permissions rc `,
    ),
  });
  assert.equal(a.lastRun()['words:build'].cacheStatus, 'remote-cache-hit');
  assert.equal(a.lastRun()['colors:build'].cacheStatus, 'cache-miss');
});
