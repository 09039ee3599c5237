'use strict';

// Records of runs are data for people. An attacker writes records, or uses one as an entry.

const assert = require('node:assert/strict');
const { artifact } = require('./artifacts');
const { assertHonest, attack, redTest } = require('./attacks');
const { runType, sign, verify } = require('./envelopes');
const { hash, honest, startFixture } = require('./fixture');
const { readRecord } = require('../kit/run-records');
const { hostileFields, recordBody, recordName } = require('./records');
const { developer, pullRequest, push } = require('./runs');
const { metadataOf } = require('./storage');
const { runCommand, task } = require('./workspace');

/** @import { Fixture } from './fixture' */

/**
 * Makes a test of an entry with the envelope of a record, which main's own key signed.
 *
 * @param {string} name
 * @param {object} options
 * @param {(envelope: string) => string} options.change
 * @param {RegExp} options.line that main prints
 * @param {boolean} [options.isFull]
 */
function recordAsEntry(name, { change, line, isFull }) {
  attack(name, {
    isSigned: true,
    isFull,
    line,
    async run(fixture) {
      const content = await artifact();
      const { sha256, length } = metadataOf(content);
      const statement = {
        ...{ name: `v1/trusted/${hash}`, hash, scope: 'trusted', prefix: '' },
        ...{ sha256, length: Number(length), format: 1, code: 0 },
      };
      const dsse = change(sign(statement, fixture.key, undefined, runType));
      await fixture.plant({
        content,
        metadata: { ...metadataOf(content), dsse },
      });
      return fixture.build(fixture.trustedMachine('main', push('main')));
    },
  });
}

recordAsEntry('record_signed_by_main_as_an_entry', {
  change: (envelope) => envelope,
  line: /its envelope has the type "application\/vnd\.nx-azure-cache\.run\+json"/,
});

recordAsEntry('record_signed_by_main_and_relabelled_as_an_entry', {
  change: (envelope) =>
    envelope.replace(runType, runType.replace('run', 'artifact')),
  line: /its signature is invalid: the key [0-9a-f]+ did not sign this/,
  isFull: true,
});

redTest('records_of_a_pull_request_stay_in_its_scope', async (t) => {
  for (const isolation of ['none', 'scopes']) {
    const isOpen = isolation === 'none';
    const fixture = await startFixture(t, {
      trust: isOpen ? { isolation } : {},
      isSigned: !isOpen,
    });
    const azure = { records: 'ci' };
    await fixture.build(fixture.machine('pull', pullRequest(7), { azure }));
    const env = isOpen ? {} : { NX_AZURE_CACHE_SIGNING_KEY: fixture.key.pem };
    await fixture.build(fixture.machine('main', push('main'), { azure, env }));
    const records = await fixture.records();
    const written = records.map(({ scope, content }) => {
      const record = readRecord(content);
      assert.equal(record.scope, scope);
      return `${scope} ${record.source.ref}`;
    });
    assert.deepEqual(
      written.sort(),
      isOpen
        ? ['shared refs/heads/main', 'shared refs/pull/7/merge']
        : ['pr-7 refs/pull/7/merge', 'trusted refs/heads/main'],
    );
    if (isOpen) continue;
    for (const { scope, name, content, metadata } of records) {
      assert.equal('dsse' in metadata, scope === 'trusted', scope);
      if (scope !== 'trusted') continue;
      const { sha256, length } = metadataOf(content);
      assert.deepEqual(verify(metadata.dsse, fixture.key, runType), {
        ...{ name, sha256, length: Number(length), format: 1 },
      });
    }
  }
});

/**
 * Plants records: one with hostile strings, one that is none, and one of another run.
 *
 * @param {Fixture} fixture
 * @param {string} scope
 */
async function plantRecords(fixture, scope) {
  const ended = new Date(Date.now() - 60_000);
  const hostile = { scope, ended, session: 'hostile', ...hostileFields(task) };
  const bodies = {
    hostile: recordBody(hostile),
    none: Buffer.from('no zstd'),
    another: recordBody({ scope: 'pr-7', ended, session: 'another' }),
  };
  for (const [session, content] of Object.entries(bodies)) {
    const entry = { content, metadata: metadataOf(content) };
    const name = recordName(scope, ended, session);
    await fixture.plant(entry, undefined, { name });
  }
}

redTest('records_of_an_attacker_change_no_result', async (t) => {
  const fixture = await startFixture(t, {});
  await plantRecords(fixture, 'trusted');
  const main = await fixture.build(
    fixture.trustedMachine('main', push('main')),
  );
  assertHonest(main);
  const again = await fixture.build(
    fixture.trustedMachine('again', push('main')),
  );
  assert.deepEqual(again, {
    content: honest,
    status: 'remote-cache-hit',
    lines: [],
  });
});

redTest('records_of_an_attacker_cannot_break_a_terminal', async (t) => {
  const fixture = await startFixture(t, {});
  await plantRecords(fixture, 'trusted');
  const machine = fixture.machine('developer', developer);
  await fixture.build(machine);
  // Each command shows the records, so what it must escape is there.
  for (const [args, shown] of /** @type {[string[], RegExp][]} */ ([
    [['explain', task], /the other one \\x1b\[2J.*\n.* https:\/\/x\/\\x1b\[2J/],
    [['explain', task, '--json'], /"env:\\\\x1b\[2J/],
    [['ls', '--total'], / 3 run records/],
    [['evict', '--records', '--scope', 'trusted'], /^trusted .*-hostile /m],
  ])) {
    const { code, output } = await runCommand(machine, args);
    const what = `${args.join(' ')}:\n${output}`;
    assert.equal(code, 0, what);
    assert.match(output, shown, what);
    assert.doesNotMatch(
      output,
      // eslint-disable-next-line no-control-regex
      /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]|##vso\[|^::/m,
      what,
    );
    assert.doesNotMatch(output, /^nx-azure-cache: forged/m, what);
  }
});
