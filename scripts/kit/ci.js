'use strict';

/** The variables of a CI run on the trusted branch: it reads and writes one scope. */
const onMain = { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/main' };

/** The same in the CIs that have job summaries, as far as the cache and Nx read them. */
const gitHubOnMain = {
  GITHUB_ACTIONS: 'true',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_REF_PROTECTED: 'true',
  GITHUB_REPOSITORY: 'acme/shop',
};
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

exports.azurePipelinesOnMain = azurePipelinesOnMain;
exports.gitHubOnMain = gitHubOnMain;
exports.gitLabOnMain = gitLabOnMain;
exports.onMain = onMain;
