'use strict';

// Makes tests of attacks, and asserts what a victim must have built.

const assert = require('node:assert/strict');
const { fullTest, quickTest } = require('../kit/tests');
const { verify } = require('./envelopes');
const { hash, honest, poisoned, startFixture } = require('./fixture');

/** @import { TestContext } from 'node:test' */
/** @import { Fixture, Outcome, Trust } from './fixture' */

/**
 * Makes a test.
 *
 * @param {string} name
 * @param {(t: TestContext) => Promise<void>} run
 * @param {{ isFull?: boolean }} [options] whether `npm test` skips it
 */
function redTest(name, run, { isFull = false } = {}) {
  const makeTest = isFull ? fullTest : quickTest;
  makeTest(name, run);
}

/**
 * @typedef {object} Attack
 * @property {(fixture: Fixture) => Promise<Outcome>} run attacks, and builds on the victim's
 *   machine
 * @property {Trust} [trust] of the protected half; default: no settings
 * @property {boolean} [isSigned] whether the protected half has a key
 * @property {RegExp} [line] that the victim sees in the protected half; default: none
 * @property {boolean} [isFull] whether `npm test` skips it
 */

/**
 * Makes a test of an attack. It must succeed without scopes and signatures, and fail with
 * them.
 *
 * @param {string} name
 * @param {Attack} attack
 */
function attack(name, { run, trust, isSigned, line, isFull }) {
  redTest(
    name,
    async (t) => {
      await succeeds(t, run);
      const fixture = await startFixture(t, { trust, isSigned });
      const outcome = await run(fixture);
      assertHonest(outcome, line);
      if (isSigned) await assertSignedEntry(fixture);
    },
    { isFull },
  );
}

/**
 * Asserts that an attack succeeds without protection.
 *
 * @param {TestContext} t
 * @param {Attack['run']} run
 */
async function succeeds(t, run) {
  const fixture = await startFixture(t, { trust: { isolation: 'none' } });
  const { content, status, lines } = await run(fixture);
  assert.equal(content, poisoned, 'without protection the attack succeeds');
  assert.equal(status, 'remote-cache-hit');
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], /CVE-2025-36852/);
}

/**
 * Asserts that a victim has built the same as without a cache.
 *
 * @param {Outcome} outcome
 * @param {RegExp} [line]
 */
function assertHonest({ content, status, lines }, line) {
  assert.equal(content, honest, 'the victim has what the attacker wanted');
  assert.equal(status, 'cache-miss');
  assert.equal(lines.length, line ? 1 : 0, lines.join('\n'));
  if (line) assert.match(lines[0], line);
}

/**
 * Asserts that main has stored its own entry, signed.
 *
 * @param {Fixture} fixture
 */
async function assertSignedEntry(fixture) {
  const entry = await fixture.entry();
  assert.ok(entry, 'there is no entry');
  const statement = verify(entry.metadata.dsse, fixture.key);
  const { provenance, ...signed } = statement;
  assert.deepEqual(signed, {
    hash,
    scope: 'trusted',
    prefix: '',
    sha256: entry.metadata.sha256,
    length: entry.content.length,
    code: 0,
    format: 1,
  });
  assert.equal(provenance.ref, 'refs/heads/main');
}

exports.assertHonest = assertHonest;
exports.assertSignedEntry = assertSignedEntry;
exports.attack = attack;
exports.redTest = redTest;
exports.succeeds = succeeds;
