'use strict';

// An attacker uses the credential of a pull request without our client.

const assert = require('node:assert/strict');
const { artifact } = require('./artifacts');
const { assertHonest, attack, redTest } = require('./attacks');
const { poisoned, startFixture } = require('./fixture');
const { developer, pullRequest, push, tag } = require('./runs');
const { metadataOf } = require('./storage');
const { patchTool } = require('./workspace');

/** @import { Run } from './runs' */
/** @import { Fixture } from './fixture' */

/**
 * Writes a poisoned entry where main looks, with a connection string.
 *
 * @param {Fixture} fixture
 * @param {string} connectionString
 */
async function writeDirectly(fixture, connectionString) {
  const content = await artifact();
  const entry = { content, metadata: metadataOf(content) };
  await fixture.plant(entry, connectionString);
}

/** The storage's error if a SAS does not allow a request. */
const forbidden = { statusCode: 403 };

attack('F32_a_SAS_that_may_write_the_trusted_scope', {
  isSigned: true,
  line: /it is not signed/,
  async run(fixture) {
    await writeDirectly(fixture, fixture.sas('rcw'));
    return fixture.build(fixture.trustedMachine('main', push('main')));
  },
});

attack('F32_a_SAS_that_may_only_read', {
  async run(fixture) {
    const sas = fixture.sas(fixture.isOpen ? 'rcw' : 'r');
    const attacker = fixture.machine('attacker', pullRequest(7), {
      env: { AZURE_STORAGE_CONNECTION_STRING: sas },
    });
    patchTool(attacker);
    const { lines } = await fixture.build(attacker);
    if (!fixture.isOpen) {
      assert.deepEqual(await fixture.scopes(), []);
      assert.equal(lines.length, 1, lines.join('\n'));
      await assert.rejects(writeDirectly(fixture, sas), forbidden);
    }
    return fixture.build(fixture.machine('main', push('main')));
  },
});

attack('F32_a_SAS_of_another_container', {
  isFull: true,
  async run(fixture) {
    const other = await fixture.anotherContainer();
    const sas = fixture.sas('rcw', fixture.isOpen ? undefined : other);
    const trust = {
      ...fixture.trust,
      ...(!fixture.isOpen && { containers: { pr: other } }),
    };
    const attacker = fixture.machine('attacker', pullRequest(7), {
      trust,
      env: { AZURE_STORAGE_CONNECTION_STRING: sas },
    });
    patchTool(attacker);
    await fixture.build(attacker);
    if (!fixture.isOpen) {
      assert.deepEqual(await fixture.scopes(), []);
      assert.deepEqual(await fixture.scopes(other), ['pr-7']);
      await assert.rejects(writeDirectly(fixture, sas), forbidden);
    }
    return fixture.build(fixture.machine('main', push('main'), { trust }));
  },
});

attack('F32_a_release_of_a_tag_with_a_planted_entry', {
  isFull: true,
  async run(fixture) {
    const run = tag('v1.0.0');
    const { scope } = fixture;
    if (!fixture.isOpen) fixture.scope = 'tag-v1.0.0';
    await writeDirectly(fixture, fixture.sas('rcw'));
    fixture.scope = scope;
    return fixture.build(fixture.machine('release', run));
  },
});

/**
 * The victims of a credential that may write everywhere, by the scope that they read. Only
 * entries in `trusted` are signed, so keys do not protect the other scopes. docs/security.md
 * has the table.
 *
 * @type {Record<string, { scope: string, victim: Run, keys: ('with' | 'without')[] }>}
 */
const victims = {
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

for (const [name, { scope, victim, keys }] of Object.entries(victims)) {
  for (const key of keys) {
    redTest(
      `F32_a_SAS_that_may_write_${name}_is_enough_${key}_keys`,
      async (t) => {
        const fixture = await startFixture(t, { isSigned: key === 'with' });
        fixture.scope = scope;
        await writeDirectly(fixture, fixture.sas('rcw'));
        const { content } = await fixture.build(
          fixture.machine('victim', victim),
        );
        assert.equal(content, poisoned);
      },
      { isFull: true },
    );
  }
}

redTest(
  'F32_a_replaced_entry_is_accepted_without_keys',
  async (t) => {
    const fixture = await startFixture(t, {});
    await fixture.build(fixture.machine('first', push('main')));
    assert.ok(await fixture.entry(), 'main has stored nothing');
    await writeDirectly(fixture, fixture.sas('rcw'));
    const { content } = await fixture.build(
      fixture.machine('next', push('main')),
    );
    assert.equal(content, poisoned);
  },
  { isFull: true },
);

for (const key of ['with', 'without']) {
  redTest(
    `F32_a_deleted_entry_is_a_miss_${key}_keys`,
    async (t) => {
      const fixture = await startFixture(t, { isSigned: key === 'with' });
      await fixture.build(fixture.trustedMachine('first', push('main')));
      await fixture.deleteEntry(fixture.sas('d'));
      assert.equal(await fixture.entry(), undefined);
      const next = fixture.trustedMachine('next', push('main'));
      assertHonest(await fixture.build(next));
    },
    { isFull: true },
  );
}

redTest(
  'F32_a_job_that_claims_to_be_main_is_accepted_without_keys',
  async (t) => {
    const fixture = await startFixture(t, {});
    const attacker = fixture.machine('attacker', push('main'));
    patchTool(attacker);
    await fixture.build(attacker);
    assert.deepEqual(await fixture.scopes(), ['trusted']);
    const victim = fixture.machine('victim', push('main'));
    assert.equal((await fixture.build(victim)).content, poisoned);
  },
  { isFull: true },
);

attack('F32_a_job_that_claims_to_be_main', {
  isSigned: true,
  async run(fixture) {
    // Its workflow sets variables such as GITHUB_REF, but it has no key.
    const attacker = fixture.machine('attacker', push('main'));
    patchTool(attacker);
    const { lines } = await fixture.build(attacker);
    if (!fixture.isOpen) {
      assert.deepEqual(await fixture.scopes(), []);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0], /stores nothing.*NX_AZURE_CACHE_SIGNING_KEY/);
    }
    return fixture.build(fixture.trustedMachine('main', push('main')));
  },
});
