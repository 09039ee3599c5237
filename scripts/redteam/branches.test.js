'use strict';

// Runs that pretend to be runs of another branch or pull request: through a file that
// nx.json extends, a branch name that was free, or a branch named like a pull request.

const assert = require('node:assert/strict');
const { assertHonest, attack } = require('./attacks');
const runs = require('./runs');
const { patchTool } = require('./workspace');

/** @import { Run } from './runs' */

const { azurePipelines, buildkite, circleCI, push } = runs;

/**
 * Makes a test of an attacker who changes the file that nx.json extends. nx.json does not
 * change, so the attacker's tasks have main's hashes.
 *
 * @param {string} name
 * @param {object} options
 * @param {(branch: string) => Run} options.on the CI
 * @param {Record<string, unknown>} options.trust in the attacker's file
 * @param {RegExp} options.says the line that the attacker's run prints
 * @param {boolean} [options.isFull]
 */
function extendsFile(name, { on, trust, says, isFull }) {
  attack(name, {
    isFull,
    async run(fixture) {
      const attacker = fixture.machine('attacker', on('feature'), {
        trust: fixture.isOpen ? fixture.trust : trust,
        isExtended: !fixture.isOpen,
      });
      patchTool(attacker);
      const { lines } = await fixture.build(attacker);
      const written = await fixture.scopes();
      const main = fixture.machine('main', on('main'), {
        isExtended: !fixture.isOpen,
      });
      const outcome = await fixture.build(main);
      if (!fixture.isOpen) {
        assertHonest(outcome);
        assertOneLine(lines, says);
        assert.deepEqual(written, ['branch-feature']);
      }
      return outcome;
    },
  });
}

/**
 * @param {string[]} lines
 * @param {RegExp} says
 */
function assertOneLine(lines, says) {
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0], says);
}

const branchesIgnored =
  /azure\.trust\.branches is ignored because it comes from a file that nx\.json extends, and task hashes do not cover that file; move the whole azure block into nx\.json itself$/;

extendsFile('extends_branches', {
  on: circleCI,
  trust: { branches: ['**'] },
  says: branchesIgnored,
});

extendsFile('extends_branches_on_azure_pipelines', {
  on: azurePipelines,
  trust: { branches: ['**'] },
  says: branchesIgnored,
  isFull: true,
});

extendsFile('extends_branches_on_buildkite', {
  on: buildkite,
  trust: { branches: ['**'] },
  says: branchesIgnored,
  isFull: true,
});

// If this counted, the attacker would write the scope `shared`. Main would not read it,
// but a run with the same file would.
extendsFile('extends_isolation', {
  on: circleCI,
  trust: { isolation: 'none' },
  says: /azure\.trust\.isolation is ignored because /,
  isFull: true,
});

attack('branch_recreated', {
  // The branch exists again. It is protected now, but not among the trusted branches.
  line: /the branch release\/2\.0 is protected or the default branch, but not trusted/,
  async run(fixture) {
    const attacker = fixture.machine(
      'attacker',
      push('release/2.0', { isProtected: false }),
    );
    patchTool(attacker);
    await fixture.build(attacker);
    if (!fixture.isOpen) {
      assert.deepEqual(await fixture.scopes(), ['branch-release_2F2.0']);
    }
    return fixture.build(fixture.machine('release', push('release/2.0')));
  },
});

attack('pull_99', {
  async run(fixture) {
    const attacker = fixture.machine('attacker', circleCI('pull/99'));
    patchTool(attacker);
    const { lines } = await fixture.build(attacker);
    const written = await fixture.scopes();
    const victim = circleCI('pull/99', { fork: 99 });
    const outcome = await fixture.build(fixture.machine('victim', victim));
    if (!fixture.isOpen) {
      assertHonest(outcome);
      assertOneLine(
        lines,
        /CIRCLE_BRANCH is "pull\/99", as in a fork's pull request, but CIRCLE_PR_NUMBER is not set/,
      );
      assert.deepEqual(written, []);
    }
    return outcome;
  },
});
