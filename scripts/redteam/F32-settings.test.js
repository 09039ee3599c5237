'use strict';

// A pull request edits nx.json. Nx does not hash nx.json in this workspace (workspace.js), so
// the edit keeps main's hash: the worst case.

const assert = require('node:assert/strict');
const { attack } = require('./attacks');
const { generateKey } = require('./envelopes');
const { pullRequest, push } = require('./runs');
const { patchTool } = require('./workspace');

/** @import { Run } from './runs' */
/** @import { Fixture } from './fixture' */

const attackerKey = generateKey();

/**
 * Makes a test of settings that only the attacker has.
 *
 * @param {string} name
 * @param {object} options
 * @param {(fixture: Fixture) => Record<string, unknown>} options.edit the attacker's settings
 * @param {Run} options.by the attacker's run
 * @param {string[]} options.scopes that the attacker has written
 * @param {boolean} [options.isSigned] whether main has a key
 * @param {RegExp} [options.line] that main sees
 * @param {boolean} [options.isFull]
 */
function edited(name, { edit, by, scopes, isSigned, line, isFull }) {
  attack(name, {
    isSigned,
    line,
    isFull,
    async run(fixture) {
      const trust = fixture.isOpen ? fixture.trust : edit(fixture);
      const attacker = fixture.machine('attacker', by, {
        trust,
        env: {
          NX_AZURE_CACHE_SIGNING_KEY: fixture.isOpen ? '' : attackerKey.pem,
        },
      });
      patchTool(attacker);
      await fixture.build(attacker);
      const written = fixture.isOpen ? ['shared'] : scopes;
      assert.deepEqual(await fixture.scopes(), written);
      return fixture.build(fixture.trustedMachine('main', push('main')));
    },
  });
}

edited('F32_nx.json_with_isolation_none', {
  edit: () => ({ isolation: 'none' }),
  by: pullRequest(7),
  scopes: ['shared'],
});

edited('F32_nx.json_with_all_branches_trusted', {
  edit: () => ({ branches: ['**'] }),
  by: push('feature', { isProtected: false }),
  scopes: [],
  isFull: true,
});

edited('F32_nx.json_with_all_branches_trusted_for_a_pull_request', {
  edit: () => ({ branches: ['**', 'refs/pull/**', '7'] }),
  by: pullRequest(7),
  scopes: ['pr-7'],
  isFull: true,
});

edited('F32_nx.json_with_its_own_key', {
  edit: () => ({ publicKeys: [attackerKey.publicKey] }),
  by: pullRequest(7),
  scopes: ['pr-7'],
  isFull: true,
});

edited('F32_nx.json_with_its_own_key_on_a_protected_branch', {
  edit: () => ({ branches: ['release'], publicKeys: [attackerKey.publicKey] }),
  by: push('release'),
  scopes: ['trusted'],
  isSigned: true,
  line: /not one of azure\.trust\.publicKeys/,
  isFull: true,
});

edited('F32_nx.json_with_its_own_containers', {
  edit: ({ container }) => ({
    containers: { pr: container, local: container },
  }),
  by: pullRequest(7),
  scopes: ['pr-7'],
  isFull: true,
});
