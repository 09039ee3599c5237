'use strict';

// A credential that a pull request holds, used without our client.

const assert = require('node:assert/strict');
const { artifact } = require('./artifacts');
const { developer, pullRequest, push, tag } = require('./runs');
const { metadataOf } = require('./storage');
const { assertHonest, attack, poisoned } = require('./world');
const { redTest, startWorld } = require('./world');
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
 * What a credential that may write everywhere does to those who read a scope. Only
 * entries of `trusted` are signed, so keys change nothing for the other scopes. See
 * the table in docs/security.md.
 *
 * @type {Record<string, { scope: string, victim: Run, keys: ('with' | 'without')[] }>}
 */
const believed = {
  the_trusted_scope: {
    scope: 'trusted',
    victim: push('main'),
    keys: ['without'],
  },
  the_scope_of_developers: {
    scope: 'local',
    victim: developer,
    keys: ['with', 'without'],
  },
  the_scope_of_another_pull_request: {
    scope: 'pr-8',
    victim: pullRequest(8),
    keys: ['with', 'without'],
  },
};

for (const [name, { scope, victim, keys }] of Object.entries(believed)) {
  for (const key of keys) {
    redTest(
      `F32_a_SAS_that_may_write_${name}_is_enough_${key}_keys`,
      async (t) => {
        const world = await startWorld(t, { isSigned: key === 'with' });
        world.scope = scope;
        await writeDirectly(world, world.sas('rcw'));
        const { content } = await world.build(world.machine('victim', victim));
        assert.equal(content, poisoned);
      },
      { isFull: true },
    );
  }
}

redTest(
  'F32_a_replaced_entry_is_believed_without_keys',
  async (t) => {
    const world = await startWorld(t, {});
    await world.build(world.machine('first', push('main')));
    assert.ok(await world.entry(), 'main has stored nothing');
    await writeDirectly(world, world.sas('rcw'));
    const { content } = await world.build(world.machine('next', push('main')));
    assert.equal(content, poisoned);
  },
  { isFull: true },
);

for (const key of ['with', 'without']) {
  redTest(
    `F32_a_deleted_entry_is_a_miss_${key}_keys`,
    async (t) => {
      const world = await startWorld(t, { isSigned: key === 'with' });
      await world.build(world.trustedMachine('first', push('main')));
      await world.deleteEntry(world.sas('d'));
      assert.equal(await world.entry(), undefined);
      const next = world.trustedMachine('next', push('main'));
      assertHonest(await world.build(next));
    },
    { isFull: true },
  );
}

redTest(
  'F32_a_job_that_tells_our_client_that_it_is_main_is_believed_without_keys',
  async (t) => {
    const world = await startWorld(t, {});
    const attacker = world.machine('attacker', push('main'));
    patchTool(attacker);
    await world.build(attacker);
    assert.deepEqual(await world.scopes(), ['trusted']);
    const victim = world.machine('victim', push('main'));
    assert.equal((await world.build(victim)).content, poisoned);
  },
  { isFull: true },
);

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
