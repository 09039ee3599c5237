'use strict';

// The runs in the attacks: those of GitHub Actions and other CIs, with variables as their
// runners set them (docs.github.com/actions/reference/variables-reference), and a
// developer's.

const { gitHub } = require('../kit/ci');

const { GITHUB_REPOSITORY: repository, GITHUB_SHA: commit } = gitHub(
  'push',
  'refs/heads/main',
);

/**
 * A run, as the CI describes it.
 *
 * @typedef {object} Run
 * @property {NodeJS.ProcessEnv} env
 * @property {object} [event] the content of the file of GITHUB_EVENT_PATH
 */

/**
 * @param {string} event
 * @param {string} ref
 * @param {{ env?: NodeJS.ProcessEnv, payload?: object }} [options]
 * @returns {Run}
 */
function github(event, ref, { env, payload = {} } = {}) {
  return {
    env: gitHub(event, ref, env),
    event: {
      repository: { full_name: repository, default_branch: 'main' },
      ...payload,
    },
  };
}

/**
 * A push to a branch.
 *
 * @param {string} branch
 * @param {{ isProtected?: boolean }} [options]
 */
function push(branch, { isProtected = true } = {}) {
  const env = { GITHUB_REF_PROTECTED: `${isProtected}` };
  return github('push', `refs/heads/${branch}`, { env });
}

/** @param {number} number */
const payloadOf = (number) => ({ number, pull_request: { number } });

/**
 * A pull request that runs its own workflow.
 *
 * @param {number} number
 */
function pullRequest(number) {
  return github('pull_request', `refs/pull/${number}/merge`, {
    env: {
      GITHUB_BASE_REF: 'main',
      GITHUB_HEAD_REF: 'feature',
    },
    payload: payloadOf(number),
  });
}

/**
 * A pull request that runs main's workflow with main's secrets. The workflow
 * checks out the code of the pull request.
 *
 * @param {number} number
 */
function pullRequestTarget(number) {
  return github('pull_request_target', 'refs/heads/main', {
    env: { GITHUB_BASE_REF: 'main', GITHUB_HEAD_REF: 'feature' },
    payload: payloadOf(number),
  });
}

/** A run after a workflow of a pull request, with main's ref and secrets. */
const workflowRun = github('workflow_run', 'refs/heads/main', {
  payload: { workflow_run: { event: 'pull_request', head_branch: 'feature' } },
});

/** The merge queue, which runs the code of pull requests before it is merged. */
const mergeQueue = github(
  'merge_group',
  `refs/heads/gh-readonly-queue/main/pr-7-${commit}`,
);

/** @param {string} name */
function tag(name) {
  return github('push', `refs/tags/${name}`);
}

/**
 * A run of CircleCI, which does not report protected branches.
 *
 * @param {string} branch
 * @param {{ fork?: number }} [options] the number of a pull request of a fork
 * @returns {Run}
 */
function circleCI(branch, { fork } = {}) {
  const pull = fork && {
    CIRCLE_PR_NUMBER: `${fork}`,
    CIRCLE_PR_REPONAME: 'shop',
    CIRCLE_PR_USERNAME: 'mallory',
    CIRCLE_PULL_REQUEST: `https://github.com/${repository}/pull/${fork}`,
  };
  return {
    env: {
      CI: 'true',
      CIRCLECI: 'true',
      CIRCLE_BRANCH: branch,
      CIRCLE_PROJECT_REPONAME: 'shop',
      CIRCLE_PROJECT_USERNAME: 'acme',
      CIRCLE_SHA1: commit,
      ...pull,
    },
  };
}

/**
 * A run of Azure Pipelines on a branch.
 *
 * @param {string} branch
 * @returns {Run}
 */
function azurePipelines(branch) {
  return {
    env: {
      TF_BUILD: 'True',
      BUILD_REASON: 'IndividualCI',
      BUILD_REPOSITORY_PROVIDER: 'TfsGit',
      BUILD_SOURCEBRANCH: `refs/heads/${branch}`,
      BUILD_SOURCEVERSION: commit,
    },
  };
}

/**
 * A run of Buildkite on a branch.
 *
 * @param {string} branch
 * @returns {Run}
 */
function buildkite(branch) {
  return {
    env: {
      CI: 'true',
      BUILDKITE: 'true',
      BUILDKITE_BRANCH: branch,
      BUILDKITE_COMMIT: commit,
      BUILDKITE_PULL_REQUEST: 'false',
      BUILDKITE_SOURCE: 'webhook',
    },
  };
}

/** @type {Run} */
const unknownCI = { env: { CI: 'true', BRANCH: 'main' } };

/** @type {Run} */
const developer = { env: {} };

exports.azurePipelines = azurePipelines;
exports.buildkite = buildkite;
exports.circleCI = circleCI;
exports.developer = developer;
exports.mergeQueue = mergeQueue;
exports.pullRequest = pullRequest;
exports.pullRequestTarget = pullRequestTarget;
exports.push = push;
exports.tag = tag;
exports.unknownCI = unknownCI;
exports.workflowRun = workflowRun;
