'use strict';

// An attacker writes an untrusted entry where main will write. If main only ever created
// entries, it would find that one forever.

const assert = require('node:assert/strict');
const { artifact, statementOf } = require('./artifacts');
const { assertHonest, assertSignedEntry, redTest } = require('./attacks');
const { sign } = require('./envelopes');
const { honest, startFixture } = require('./fixture');
const { push } = require('./runs');
const { metadataOf } = require('./storage');

/** @import { Entry } from './storage' */
/** @import { Fixture } from './fixture' */

/**
 * @typedef {object} Plant
 * @property {(content: Buffer, fixture: Fixture) => Entry} make makes the entry from an artifact
 * @property {boolean} [isSigned] whether main has a key (default: yes)
 * @property {boolean} [isFull]
 */

/** @type {(content: Buffer, fixture: Fixture) => Entry} */
const signed = (content, { key }) => ({
  content,
  metadata: {
    ...metadataOf(content),
    dsse: sign(statementOf(content), key),
  },
});

const garbage = Buffer.from('This is no artifact. '.repeat(100));

/** @type {Record<string, Plant>} */
const plants = {
  garbage: { make: () => ({ content: garbage, metadata: {} }) },
  garbage_without_keys: {
    make: () => ({ content: garbage, metadata: metadataOf(garbage) }),
    isSigned: false,
    isFull: true,
  },
  signed_garbage: {
    make: (_, fixture) => signed(garbage, fixture),
    isFull: true,
  },
  a_truncated_entry: {
    isFull: true,
    make(content, fixture) {
      const { metadata } = signed(content, fixture);
      return { content: content.subarray(0, content.length / 2), metadata };
    },
  },
  an_unsigned_entry: {
    make: (content) => ({ content, metadata: metadataOf(content) }),
  },
};

for (const [name, { make, isSigned = true, isFull }] of Object.entries(
  plants,
)) {
  redTest(
    `F33_${name}_first`,
    async (t) => {
      const fixture = await startFixture(t, { isSigned });
      await fixture.plant(make(await artifact(), fixture));
      await assertBlocked(fixture);
      const first = await fixture.build(
        fixture.trustedMachine('main', push('main')),
      );
      assertHonest(first, /./);
      if (isSigned) await assertSignedEntry(fixture);
      const next = await fixture.build(
        fixture.trustedMachine('next', push('main')),
      );
      assert.deepEqual(next, {
        content: honest,
        status: 'remote-cache-hit',
        lines: [],
      });
    },
    { isFull },
  );
}

/**
 * Asserts that a write-once upload, as in earlier versions, cannot replace the entry.
 *
 * @param {Fixture} fixture
 */
async function assertBlocked(fixture) {
  const content = await artifact({ content: honest });
  const entry = { content, metadata: metadataOf(content) };
  await assert.rejects(fixture.plant(entry, undefined, { isWriteOnce: true }), {
    statusCode: 409,
  });
}
