'use strict';

// An attacker has a credential that may write everywhere, and puts an entry where main looks
// for one. Each entry is valid except for one thing; F32_a_replayed_signature shows that a
// valid one is a hit.

const assert = require('node:assert/strict');
const { artifact, statementOf } = require('./artifacts');
const {
  assertHonest,
  assertSignedEntry,
  attack,
  redTest,
  succeeds,
} = require('./attacks');
const { generateKey, sign, verify } = require('./envelopes');
const { hash, honest, poisoned, startFixture } = require('./fixture');
const { developer, push } = require('./runs');
const { metadataOf } = require('./storage');

/** @import { Entry } from './storage' */
/** @import { Fixture } from './fixture' */

const stranger = generateKey();
const revoked = generateKey();

/**
 * @param {Buffer} content
 * @param {string} dsse
 * @returns {Entry}
 */
const entryOf = (content, dsse) => ({
  content,
  metadata: { ...metadataOf(content), dsse },
});

/**
 * Plants an entry, and builds main.
 *
 * @param {Fixture} fixture
 * @param {Entry} entry
 */
async function plantAndBuild(fixture, entry) {
  await fixture.plant(entry);
  return fixture.build(fixture.trustedMachine('main', push('main')));
}

/**
 * Makes a test of an entry that every run must reject.
 *
 * @param {string} name
 * @param {object} options
 * @param {(content: Buffer, fixture: Fixture) => Entry} options.forge makes the entry from an artifact
 * @param {RegExp} options.line that main prints
 * @param {Record<string, unknown>} [options.trust]
 * @param {boolean} [options.isFull]
 */
function forgery(name, { forge, line, trust, isFull }) {
  attack(name, {
    isSigned: true,
    isFull,
    trust,
    line,
    run: async (fixture) =>
      plantAndBuild(fixture, forge(await artifact(), fixture)),
  });
}

forgery('F32_unsigned', {
  forge: (content) => ({
    content,
    metadata: {
      ...metadataOf(content),
      statement: Buffer.from(JSON.stringify(statementOf(content))).toString(
        'base64',
      ),
    },
  }),
  line: /it is not signed/,
});

forgery('F32_signed_with_another_key', {
  forge: (content) => entryOf(content, sign(statementOf(content), stranger)),
  line: /not one of azure\.trust\.publicKeys/,
});

forgery('F32_signed_with_another_key_under_the_ID_of_the_right_key', {
  forge: (content, { key }) =>
    entryOf(content, sign(statementOf(content), stranger, key.id)),
  line: /its signature is invalid: the key [0-9a-f]+ did not sign this/,
  isFull: true,
});

forgery('F32_signed_with_a_revoked_key', {
  trust: { publicKeys: [revoked.publicKey], revokedKeys: [revoked.id] },
  forge: (content) => entryOf(content, sign(statementOf(content), revoked)),
  line: /revoked/,
});

/**
 * Statements about something else, signed with the right key.
 *
 * @type {Record<string, { change: object, line: RegExp }>}
 */
const changes = {
  another_hash: {
    change: { hash: '1234567890' },
    line: /signed with the hash /,
  },
  another_scope: { change: { scope: 'pr-7' }, line: /signed with the scope / },
  another_prefix: {
    change: { prefix: 'other' },
    line: /signed with the prefix /,
  },
  another_length: { change: { length: 1 }, line: /signed with the length / },
  another_digest: { change: { sha256: '0'.repeat(64) }, line: /the SHA-256/ },
  another_exit_code: {
    change: { code: 1 },
    line: /signed with the exit code /,
  },
  an_older_format: { change: { format: 0 }, line: /signed with the format / },
};

for (const [name, { change, line }] of Object.entries(changes)) {
  forgery(`F32_the_signature_of_${name}`, {
    forge: (content, { key }) =>
      entryOf(content, sign({ ...statementOf(content), ...change }, key)),
    line,
    isFull: name !== 'another_hash',
  });
}

forgery('F32_a_changed_payload_under_a_valid_signature', {
  forge(content, { key }) {
    const honestEnvelope = sign(statementOf(Buffer.from('honest')), key);
    const payload = Buffer.from(JSON.stringify(statementOf(content)));
    const envelope = {
      ...JSON.parse(honestEnvelope),
      payload: payload.toString('base64'),
    };
    return entryOf(content, JSON.stringify(envelope));
  },
  line: /its signature is invalid: the key [0-9a-f]+ did not sign this/,
  isFull: true,
});

forgery('F32_a_valid_signature_of_another_statement_type', {
  forge(content, { key }) {
    const envelope = JSON.parse(sign(statementOf(content), key));
    envelope.payloadType = 'application/vnd.in-toto+json';
    return entryOf(content, JSON.stringify(envelope));
  },
  line: /its envelope has the type "application\/vnd\.in-toto\+json"/,
  isFull: true,
});

attack('F32_a_swapped_artifact_under_a_valid_signature', {
  isSigned: true,
  line: /SHA-256/,
  async run(fixture) {
    const padding = '/'.repeat(poisoned.length - honest.length);
    const right = await artifact({ content: honest + padding });
    const content = await artifact();
    assert.equal(content.length, right.length);
    const { metadata } = entryOf(right, sign(statementOf(right), fixture.key));
    // Without signatures nothing protects the digest.
    const planted = fixture.isOpen ? metadataOf(content) : metadata;
    return plantAndBuild(fixture, { content, metadata: planted });
  },
});

attack('F32_a_swapped_artifact_and_digest_under_the_signature_of_main', {
  isSigned: true,
  isFull: true,
  line: /it was signed with the/,
  async run(fixture) {
    await fixture.build(fixture.trustedMachine('first', push('main')));
    const entry = await fixture.entry();
    assert.ok(entry, 'main has stored nothing');
    if (!fixture.isOpen) await assertSignedEntry(fixture);
    const content = await artifact();
    const metadata = { ...entry.metadata, ...metadataOf(content) };
    return plantAndBuild(fixture, { content, metadata });
  },
});

const replay = async (/** @type {import('node:test').TestContext} */ t) => {
  // Main built and signed this once, with a bad tool that Nx does not hash. Main has built
  // again since, and the attacker puts the old entry back. The old entry is valid.
  await succeeds(t, async (fixture) =>
    plantAndBuild(fixture, await unsigned()),
  );
  const fixture = await startFixture(t, { isSigned: true });
  const content = await artifact();
  const old = entryOf(content, sign(statementOf(content), fixture.key));
  assert.deepEqual(await plantAndBuild(fixture, old), {
    content: poisoned,
    status: 'remote-cache-hit',
    lines: [],
  });

  // After an eviction, main builds again.
  await evict(fixture);
  const second = fixture.trustedMachine('second', push('main'));
  assertHonest(await fixture.build(second));
  await assertSignedEntry(fixture);

  // The attacker puts it back again: the key must be revoked.
  await fixture.plant(old);
  const next = generateKey();
  const third = fixture.machine('third', push('main'), {
    trust: {
      publicKeys: [fixture.key.publicKey, next.publicKey],
      revokedKeys: [fixture.key.publicKey],
    },
    env: { NX_AZURE_CACHE_SIGNING_KEY: next.pem },
  });
  assertHonest(await fixture.build(third), /revoked/);
  const replaced = await fixture.entry();
  assert.equal(verify(replaced?.metadata.dsse ?? '', next).hash, hash);
};
redTest('F32_a_replayed_signature_of_the_same_hash_is_accepted', replay, {
  isFull: true,
});

async function unsigned() {
  const content = await artifact();
  return { content, metadata: metadataOf(content) };
}

/**
 * Deletes main's entry, as an administrator does.
 *
 * @param {Fixture} fixture
 */
async function evict(fixture) {
  const command = ['nx-azure-cache', 'evict', '--scope', 'trusted'];
  const { code, output } = await fixture
    .machine('administrator', developer)
    .run('npx', ['--no-install', ...command, '--hash', hash, '--yes']);
  assert.equal(code, 0, output);
  assert.equal(await fixture.entry(), undefined, output);
}
