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
 * @property {(fixture: Fixture) => Promise<Outcome>} run does it, and builds on the
 *   machine of the victim
 * @property {Trust} [trust] of the half that is protected; the default is what
 *   one has who sets nothing
 * @property {boolean} [isSigned] whether there is a key in that half
 * @property {RegExp} [line] that the victim sees in that half; without it, none
 * @property {boolean} [isFull] whether it is left out of `npm test`
 */

/**
 * Makes a test of an attack, which must succeed where there are neither scopes
 * nor signatures, and fail where there are.
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
 * Asserts that an attack succeeds where there is no protection.
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
 * Asserts that a victim has built what it would have without a cache.
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
 * Asserts that main has put its own entry where it looks for one, signed.
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
