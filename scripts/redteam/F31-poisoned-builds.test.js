'use strict';

// CVE-2025-36852 (CREEP): the first run to store under main's hash decides what main ships.
// Every run here uses its credential through our client. F32 has attackers who write to the
// storage themselves.

const assert = require('node:assert/strict');
const { attack, redTest } = require('./attacks');
const { poisoned, startFixture } = require('./fixture');
const { withDistTamperer } = require('./dist-tamperer');
const runs = require('./runs');
const { patchTool, poison } = require('./workspace');

/** @import { Machine } from '../kit/machine' */
/** @import { Run } from './runs' */

const { developer, pullRequest, push } = runs;

/**
 * Makes a test of an attack by a run that stores poison.
 *
 * @param {string} name
 * @param {object} options
 * @param {Run} options.attacker
 * @param {string[]} options.scopes that the attacker may write
 * @param {Run} [options.victim]
 * @param {(machine: Machine) => void} [options.prepare] changes the attacker's tool
 * @param {(machine: Machine, build: () => Promise<unknown>) => Promise<unknown>} [options.around]
 * @param {boolean} [options.isFull]
 */
function creep(name, options) {
  const { scopes, victim = push('main'), isFull } = options;
  const { prepare = patchTool, around = (_, build) => build() } = options;
  attack(name, {
    isFull,
    async run(fixture) {
      const attacker = fixture.machine('attacker', options.attacker);
      prepare(attacker);
      await around(attacker, () => fixture.build(attacker));
      assert.deepEqual(
        await fixture.scopes(),
        fixture.isOpen ? ['shared'] : scopes,
        'what the attacker has written',
      );
      return fixture.build(fixture.machine('victim', victim));
    },
  });
}

creep('F31_a_patched_tool_of_a_pull_request', {
  attacker: pullRequest(7),
  scopes: ['pr-7'],
});

creep('F31_an_environment_variable_of_a_changed_workflow', {
  attacker: pullRequest(7),
  scopes: ['pr-7'],
  prepare: ({ env }) => (env.COMPILER_BANNER = poison),
  isFull: true,
});

creep('F31_a_background_loop_that_appends_to_dist', {
  attacker: pullRequest(7),
  scopes: ['pr-7'],
  prepare: ({ env }) => (env.CHECK_TIME = '500'),
  around: withDistTamperer,
  isFull: true,
});

creep('F31_a_branch', {
  attacker: push('feature', { isProtected: false }),
  scopes: ['branch-feature'],
  isFull: true,
});

creep('F31_a_branch_called_master_beside_main', {
  attacker: push('master', { isProtected: false }),
  scopes: ['branch-master'],
  isFull: true,
});

creep('F31_a_tag', {
  attacker: runs.tag('v1.0.0'),
  scopes: [],
  isFull: true,
});

creep('F31_the_merge_queue', {
  attacker: runs.mergeQueue,
  scopes: [
    'branch-queue_3Agh-readonly-queue_2Fmain_2Fpr-7-3f786850e387550fdab836ed7e6dc881de23001b',
  ],
  isFull: true,
});

creep('F31_pull_request_target', {
  attacker: runs.pullRequestTarget(7),
  scopes: ['pr-7'],
});

creep('F31_workflow_run', {
  attacker: runs.workflowRun,
  scopes: [],
  isFull: true,
});

creep('F31_an_unknown_CI', {
  attacker: runs.unknownCI,
  scopes: [],
  isFull: true,
});

creep('F31_a_developer_against_main', {
  attacker: developer,
  scopes: ['local'],
  isFull: true,
});

creep('F31_a_developer_against_a_pull_request', {
  attacker: developer,
  scopes: ['local'],
  victim: pullRequest(8),
  isFull: true,
});

creep('F31_a_pull_request_against_another', {
  attacker: pullRequest(7),
  scopes: ['pr-7'],
  victim: pullRequest(8),
});

creep('F31_a_branch_against_another', {
  attacker: push('feature', { isProtected: false }),
  scopes: ['branch-feature'],
  victim: push('feature2', { isProtected: false }),
  isFull: true,
});

creep('F31_a_pull_request_against_a_developer', {
  attacker: pullRequest(7),
  scopes: ['pr-7'],
  victim: developer,
  isFull: true,
});

// No scope and no identity stops this attack; docs/security.md says so.
redTest(
  'F31_a_bad_tool_on_main_is_accepted',
  async (t) => {
    const fixture = await startFixture(t, {});
    const first = fixture.machine('first', push('main'));
    patchTool(first);
    await fixture.build(first);
    const next = fixture.machine('next', push('main'));
    assert.equal((await fixture.build(next)).content, poisoned);
  },
  { isFull: true },
);

/** The environment without secrets. nx.json names the account, but a secret gives access to it. */
const withoutSecrets = {
  AZURE_STORAGE_CONNECTION_STRING: '',
  HTTPS_PROXY: 'http://127.0.0.1:1', // nothing leaves this machine
};

attack('F31_a_fork_without_any_secret', {
  async run(fixture) {
    const attacker = fixture.machine('attacker', pullRequest(7), {
      azure: { accountName: 'nxazurecachetest' },
      env: fixture.isOpen ? {} : withoutSecrets,
    });
    patchTool(attacker);
    const { lines } = await fixture.build(attacker);
    if (!fixture.isOpen) {
      assert.deepEqual(await fixture.scopes(), []);
      // An anonymous read fails, because the proxy does not run.
      assert.match(lines.at(-1) ?? '', /no credential was found for/);
    }
    return fixture.build(fixture.machine('main', push('main')));
  },
});
