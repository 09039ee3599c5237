'use strict';

/** The variables of a CI run on the trusted branch: it reads and writes one scope. */
const onMain = { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/main' };

/** The same in the CIs that have job summaries, as far as the cache and Nx read them. */
const gitHubOnMain = gitHub('push', 'refs/heads/main', {
  GITHUB_RUN_ID: undefined, // records and summaries name no URL
});
const azurePipelinesOnMain = {
  TF_BUILD: 'True',
  BUILD_BUILDID: '7', // Nx knows this one
  BUILD_REASON: 'IndividualCI',
  BUILD_SOURCEBRANCH: 'refs/heads/main',
};
const gitLabOnMain = {
  CI: 'true',
  GITLAB_CI: 'true',
  CI_PIPELINE_SOURCE: 'push',
  CI_COMMIT_BRANCH: 'main',
  CI_COMMIT_REF_NAME: 'main',
  CI_COMMIT_REF_PROTECTED: 'true',
  CI_JOB_ID: '77',
};

/**
 * The variables of a run of GitHub Actions, as its runners set them
 * (docs.github.com/actions/reference/variables-reference).
 *
 * @param {string} event
 * @param {string} ref
 * @param {NodeJS.ProcessEnv} [more]
 * @returns {NodeJS.ProcessEnv}
 */
function gitHub(event, ref, more) {
  const [, kind, ...name] = ref.split('/');
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTOR: 'octocat',
    GITHUB_EVENT_NAME: event,
    GITHUB_REF: ref,
    GITHUB_REF_NAME: name.join('/'),
    GITHUB_REF_PROTECTED: `${kind === 'heads'}`,
    GITHUB_REF_TYPE: kind === 'tags' ? 'tag' : 'branch',
    GITHUB_REPOSITORY: 'acme/shop',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_RUN_ID: '1658821493',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: '3f786850e387550fdab836ed7e6dc881de23001b',
    ...more,
  };
}

exports.azurePipelinesOnMain = azurePipelinesOnMain;
exports.gitHub = gitHub;
exports.gitHubOnMain = gitHubOnMain;
exports.gitLabOnMain = gitLabOnMain;
exports.onMain = onMain;
