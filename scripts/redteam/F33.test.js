'use strict';

// Somebody is first at main's slot, with what is not to be believed: main, which
// writes once, would find it there for ever.

const assert = require('node:assert/strict');
const { artifact, statementOf } = require('./artifacts');
const { sign } = require('./envelopes');
const { push } = require('./runs');
const { metadataOf } = require('./storage');
const { assertHonest, assertSignedEntry, honest } = require('./world');
const { redTest, startWorld } = require('./world');

/** @import { Entry } from './storage' */
/** @import { World } from './world' */

/**
 * @typedef {object} Plant
 * @property {(content: Buffer, world: World) => Entry} make of an artifact
 * @property {boolean} [isSigned] whether main has a key; the default is that it has
 * @property {boolean} [isFull]
 */

/** @type {(content: Buffer, world: World) => Entry} */
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
  signed_garbage: { make: (_, world) => signed(garbage, world), isFull: true },
  a_truncated_entry: {
    isFull: true,
    make(content, world) {
      const { metadata } = signed(content, world);
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
      const world = await startWorld(t, { isSigned });
      await world.plant(make(await artifact(), world));
      await assertBlocked(world);
      const first = await world.build(
        world.trustedMachine('main', push('main')),
      );
      assertHonest(first, /./);
      if (isSigned) await assertSignedEntry(world);
      const next = await world.build(
        world.trustedMachine('next', push('main')),
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
 * Asserts that who writes once, as we did before, does not get to the slot.
 *
 * @param {World} world
 */
async function assertBlocked(world) {
  const content = await artifact({ content: honest });
  const entry = { content, metadata: metadataOf(content) };
  await assert.rejects(world.plant(entry, undefined, { isWriteOnce: true }), {
    statusCode: 409,
  });
}
