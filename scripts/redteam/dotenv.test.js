'use strict';

// Nx loads a pull request's .env file before the cache. That file must not decide which
// scope a run has, what is executed, or where requests go. The attacker runs no code in the
// CI job except the tasks of the workspace, and writes only through our client.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const { shortTimeouts } = require('../faults/workspace');
const { ourLines, summary } = require('../kit/nx-runs');
const { redTest } = require('./attacks');
const { honest, startFixture } = require('./fixture');
const runs = require('./runs');
const { output, patchTool, runCommand, task } = require('./workspace');

/** @import { Machine } from '../kit/machine' */
/** @import { Run } from './runs' */

const { developer, push, unknownCI } = runs;

/** What GitHub Actions sets in a run of main. */
const github = {
  GITHUB_ACTIONS: 'true',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_REF_PROTECTED: 'true',
};

/**
 * @param {Record<string, string>} env
 * @returns {Run}
 */
const ci = (env) => ({ env });

/**
 * Adds a .env file to a machine's workspace.
 *
 * @param {Machine} machine
 * @param {Record<string, string>} variables
 */
function addEnvFile(machine, variables) {
  const lines = Object.entries(variables).map(
    ([name, value]) => `${name}=${value}\n`,
  );
  fs.writeFileSync(path.join(machine.workspace, '.env'), lines.join(''));
}

/**
 * Builds on a machine, and returns our lines, the output and the task's status. Not
 * fixture.build, because that recognizes a CI by CI=true only.
 *
 * @param {Machine} machine
 */
async function build(machine) {
  const { code, output: text } = await machine.nx(['run', task]);
  assert.equal(code, 0, text);
  const lines = ourLines(text).filter((line) => !summary.test(line));
  const content = fs.readFileSync(path.join(machine.workspace, output), 'utf8');
  return { lines, content, status: machine.lastRun()[task].cacheStatus };
}

/**
 * Makes a test of an attacker's runs with a .env file that claims another scope. They must
 * store nothing, and report why in one line. The victim must build the same as without a
 * cache.
 *
 * @param {string} name
 * @param {object} attack
 * @param {Run | Run[]} attack.attackers their runs, as the CI describes them
 * @param {Record<string, string>} attack.file the variables in the .env file
 * @param {Run} [attack.victim]
 * @param {string} attack.from the attacker's scope
 * @param {string} attack.to the scope that the file claims
 * @param {string} [attack.blamed] the variable that the line names
 * @param {boolean} [attack.isFull]
 */
function dotenv(name, attack) {
  const { file, victim = push('main'), from, to, isFull = true } = attack;
  const blamed = attack.blamed ?? Object.keys(file)[0];
  redTest(
    name,
    async (t) => {
      const fixture = await startFixture(t, {});
      for (const [i, run] of [attack.attackers].flat().entries()) {
        const attacker = fixture.machine(`attacker-${i}`, run);
        patchTool(attacker);
        addEnvFile(attacker, file);
        const { lines, content } = await build(attacker);
        assert.notEqual(content, honest, 'the tool is patched');
        assert.deepEqual(
          await fixture.scopes(),
          [],
          'what the attacker has written',
        );
        assert.equal(lines.length, 1, lines.join('\n'));
        assert.ok(
          lines[0].startsWith(
            `nx-azure-cache: the remote cache stores nothing in this run: ${blamed} of .env would change its scope from ${from} to ${to}`,
          ),
          lines[0],
        );
      }
      const { content, status } = await build(
        fixture.machine('victim', victim),
      );
      assert.equal(content, honest, 'the victim has what the attacker wanted');
      assert.equal(status, 'cache-miss');
    },
    { isFull },
  );
}

dotenv('dotenv_unknown_ci', {
  attackers: unknownCI,
  file: github,
  from: 'untrusted',
  to: 'trusted',
  isFull: false,
});

dotenv('dotenv_ci_false', {
  attackers: [
    ci({ CODEBUILD_BUILD_ID: 'shop:1', NX_AZURE_CACHE_REF: 'refs/pull/7' }),
    ci({ TEAMCITY_VERSION: '2026.1', NX_AZURE_CACHE_REF: 'refs/pull/7' }),
  ],
  file: { CI: 'false' },
  victim: developer,
  from: 'pr-7',
  to: 'local',
  isFull: false,
});

dotenv('dotenv_empty_variable', {
  attackers: ci({ CI: 'true', NX_AZURE_CACHE_REF: '' }),
  file: { NX_AZURE_CACHE_REF: 'refs/heads/main' },
  from: 'untrusted',
  to: 'trusted',
  isFull: false,
});

dotenv('dotenv_developer', {
  attackers: developer,
  file: github,
  from: 'local',
  to: 'trusted',
});

const jenkins = { CI: 'true', JENKINS_URL: 'http://ci/', BUILD_NUMBER: '1' };

dotenv('dotenv_jenkins_branch', {
  attackers: ci(jenkins),
  file: { BRANCH_NAME: 'main' },
  from: 'untrusted',
  to: 'trusted',
});

dotenv('dotenv_jenkins_change', {
  attackers: ci({
    ...jenkins,
    BRANCH_NAME: 'feature',
    GIT_BRANCH: 'origin/feature',
  }),
  file: { CHANGE_ID: '99' },
  victim: ci({ ...jenkins, BRANCH_NAME: 'PR-99', CHANGE_ID: '99' }),
  from: 'branch-feature',
  to: 'untrusted', // a job of a change belongs to no branch
});

const azure = { CI: 'true', TF_BUILD: 'True', BUILD_REASON: 'PullRequest' };

/** @param {number} number of a pull request */
const azurePull = (number) => ({
  ...azure,
  BUILD_SOURCEBRANCH: `refs/pull/${number}/merge`,
  SYSTEM_PULLREQUEST_PULLREQUESTID: `${number}`,
});

dotenv('dotenv_azure_pipelines', {
  attackers: ci(azurePull(7)),
  file: { SYSTEM_PULLREQUEST_PULLREQUESTNUMBER: '99' },
  victim: ci(azurePull(99)),
  from: 'pr-7',
  to: '', // pr-99, or no pull request where the sources of a number must agree
});

const circleci = { CI: 'true', CIRCLECI: 'true' };

dotenv('dotenv_circleci', {
  attackers: ci({ ...circleci, CIRCLE_BRANCH: 'feature' }),
  file: { CIRCLE_PR_NUMBER: '99' },
  victim: ci({ ...circleci, CIRCLE_BRANCH: 'pull/99', CIRCLE_PR_NUMBER: '99' }),
  from: 'branch-feature',
  to: '',
});

const gitlab = { CI: 'true', GITLAB_CI: 'true' };

dotenv('dotenv_gitlab', {
  attackers: ci({
    ...gitlab,
    CI_PIPELINE_SOURCE: 'push',
    CI_COMMIT_BRANCH: 'feature',
  }),
  file: { CI_MERGE_REQUEST_IID: '99' },
  victim: ci({
    ...gitlab,
    CI_PIPELINE_SOURCE: 'merge_request_event',
    CI_MERGE_REQUEST_IID: '99',
  }),
  from: 'branch-feature',
  to: '',
});

const bitbucket = { CI: 'true', BITBUCKET_BUILD_NUMBER: '1' };

dotenv('dotenv_bitbucket', {
  attackers: ci({ ...bitbucket, BITBUCKET_BRANCH: 'feature' }),
  file: { BITBUCKET_PR_ID: '99' },
  victim: ci({
    ...bitbucket,
    BITBUCKET_BRANCH: 'feature',
    BITBUCKET_PR_ID: '99',
  }),
  from: 'branch-feature',
  to: '',
});

// The .env file names a file of the checkout as a program. The attack needs no task: a
// developer who runs `ls` or `doctor` in a pull request is enough.
redTest('dotenv_binary', async (t) => {
  const fixture = await startFixture(t, {});
  const machine = fixture.machine('victim', developer);
  const proof = path.join(machine.workspace, 'executed');
  fs.writeFileSync(
    path.join(machine.workspace, 'tools', 'x.sh'),
    `#!/bin/sh\necho "$@" >> '${proof}'\n`,
    { mode: 0o755 },
  );
  addEnvFile(machine, { NX_AZURE_CACHE_BINARY: './tools/x.sh' });
  const ignored =
    /^nx-azure-cache: NX_AZURE_CACHE_BINARY of \.env is ignored: a checkout could set it/m;
  for (const args of [['license', 'status'], ['ls'], ['doctor']]) {
    const { output: text } = await runCommand(machine, args);
    assert.ok(!fs.existsSync(proof), `${args.join(' ')} has executed it`);
    assert.match(text, /NX_AZURE_CACHE_BINARY of \.env is ignored/, args[0]);
  }
  const { lines } = await build(machine);
  assert.ok(!fs.existsSync(proof), 'the run has executed it');
  assert.match(lines.join('\n'), ignored);
  assert.equal(lines.length, 1);
});

// All requests, with their tokens, would go to the attacker's proxy, and the client would
// trust its certificate.
redTest(
  'dotenv_proxy',
  async (t) => {
    const fixture = await startFixture(t, {});
    let connections = 0;
    const proxy = net.createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise((resolve) =>
      proxy.listen(0, '127.0.0.1', () => resolve(null)),
    );
    t.after(() => proxy.close());
    const { port } = /** @type {net.AddressInfo} */ (proxy.address());
    const machine = fixture.machine('victim', developer, {
      azure: { accountName: 'nxcache', timeouts: shortTimeouts },
      env: {
        AZURE_STORAGE_CONNECTION_STRING: '',
        // From the environment of this test.
        NODE_EXTRA_CA_CERTS: undefined,
        HTTPS_PROXY: undefined,
        https_proxy: undefined,
        NX_AZURE_CACHE_SAS_URL:
          'https://nxcache.blob.core.windows.net/?sv=2025-07-05&sp=rc&sig=c2VjcmV0',
      },
    });
    fs.writeFileSync(
      path.join(machine.workspace, 'ca.pem'),
      tls.rootCertificates[0],
    );
    addEnvFile(machine, {
      HTTPS_PROXY: `http://127.0.0.1:${port}`,
      NODE_EXTRA_CA_CERTS: path.join(machine.workspace, 'ca.pem'),
    });
    const { lines, content } = await build(machine);
    assert.equal(content, honest);
    assert.equal(connections, 0, 'a connection to the proxy');
    assert.match(
      lines.join('\n'),
      /HTTPS_PROXY of \.env and NODE_EXTRA_CA_CERTS of \.env are ignored/,
    );
    const { output: text } = await runCommand(machine, ['doctor']);
    assert.equal(connections, 0, 'a connection of doctor to the proxy');
    assert.doesNotMatch(text, /ca\.pem/);
  },
  { isFull: true },
);
