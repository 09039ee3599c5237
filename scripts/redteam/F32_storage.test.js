'use strict';

// A credential that a pull request holds, used without our client.

const assert = require('node:assert/strict');
const { artifact } = require('./artifacts');
const { developer, pullRequest, push, tag } = require('./runs');
const { metadataOf } = require('./storage');
const { attack, poisoned, redTest, startWorld } = require('./world');
const { patchTool } = require('./workspace');

/** @import { Run } from './runs' */
/** @import { World } from './world' */

/**
 * Writes poison where main looks, as somebody who has a connection string.
 *
 * @param {World} world
 * @param {string} connectionString
 */
async function writeDirectly(world, connectionString) {
  const content = await artifact();
  const entry = { content, metadata: metadataOf(content) };
  await world.plant(entry, connectionString);
}

/** What the storage says to a SAS that does not allow what is asked for. */
const forbidden = { statusCode: 403 };

attack('F32_a_SAS_that_may_write_the_trusted_scope', {
  isSigned: true,
  line: /it is not signed/,
  async run(world) {
    await writeDirectly(world, world.sas('rcw'));
    return world.build(world.trustedMachine('main', push('main')));
  },
});

attack('F32_a_SAS_that_may_only_read', {
  async run(world) {
    const sas = world.sas(world.isOpen ? 'rcw' : 'r');
    const attacker = world.machine('attacker', pullRequest(7), {
      env: { AZURE_STORAGE_CONNECTION_STRING: sas },
    });
    patchTool(attacker);
    const { lines } = await world.build(attacker);
    if (!world.isOpen) {
      assert.deepEqual(await world.scopes(), []);
      assert.equal(lines.length, 1, lines.join('\n'));
      await assert.rejects(writeDirectly(world, sas), forbidden);
    }
    return world.build(world.machine('main', push('main')));
  },
});

attack('F32_a_SAS_of_another_container', {
  isFull: true,
  async run(world) {
    const other = await world.anotherContainer();
    const sas = world.sas('rcw', world.isOpen ? undefined : other);
    const trust = {
      ...world.trust,
      ...(!world.isOpen && { containers: { pr: other } }),
    };
    const attacker = world.machine('attacker', pullRequest(7), {
      trust,
      env: { AZURE_STORAGE_CONNECTION_STRING: sas },
    });
    patchTool(attacker);
    await world.build(attacker);
    if (!world.isOpen) {
      assert.deepEqual(await world.scopes(), []);
      assert.deepEqual(await world.scopes(other), ['pr-7']);
      await assert.rejects(writeDirectly(world, sas), forbidden);
    }
    return world.build(world.machine('main', push('main'), { trust }));
  },
});

attack('F32_a_release_of_a_tag_that_somebody_has_written_for', {
  isFull: true,
  async run(world) {
    const run = tag('v1.0.0');
    const { scope } = world;
    if (!world.isOpen) world.scope = 'tag-v1.0.0';
    await writeDirectly(world, world.sas('rcw'));
    world.scope = scope;
    return world.build(world.machine('release', run));
  },
});

/**
 * What scopes alone do not stop, as docs/security.md says.
 *
 * @type {Record<string, { scope: string, victim: Run }>}
 */
const believed = {
  the_trusted_scope: { scope: 'trusted', victim: push('main') },
  the_scope_of_developers: { scope: 'local', victim: developer },
};

for (const [name, { scope, victim }] of Object.entries(believed)) {
  redTest(
    `F32_a_SAS_that_may_write_${name}_is_enough_without_keys`,
    async (t) => {
      const world = await startWorld(t, {});
      world.scope = scope;
      await writeDirectly(world, world.sas('rcw'));
      const { content } = await world.build(world.machine('victim', victim));
      assert.equal(content, poisoned);
    },
    { isFull: true },
  );
}

attack('F32_a_job_that_tells_our_client_that_it_is_main', {
  isSigned: true,
  async run(world) {
    // Its workflow sets GITHUB_REF and the like, but it has no key.
    const attacker = world.machine('attacker', push('main'));
    patchTool(attacker);
    const { lines } = await world.build(attacker);
    if (!world.isOpen) {
      assert.deepEqual(await world.scopes(), []);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0], /stores nothing.*NX_AZURE_CACHE_SIGNING_KEY/);
    }
    return world.build(world.trustedMachine('main', push('main')));
  },
});
