'use strict';

// Checks the workflows of GitHub Actions in this repository and in the guides: they contain
// only keys, inputs and permissions that exist.

const assert = require('node:assert/strict');
const yaml = require('yaml');
const { read } = require('./pages');

/** @typedef {Record<string, any>} Mapping */

// docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
const ofWorkflows =
  'name run-name on permissions env defaults concurrency jobs';
const ofJobs =
  'name permissions needs if runs-on environment concurrency outputs env defaults steps timeout-minutes strategy continue-on-error container services uses with secrets';
const ofSteps =
  'id if name uses run working-directory shell with env continue-on-error timeout-minutes';
const ofPermissions =
  'actions attestations checks contents deployments id-token issues packages pages pull-requests security-events statuses';
/** @type {Record<string, string>} the inputs in their action.yml, by major version */
const inputs = {
  'actions/checkout@v7': 'ref fetch-depth persist-credentials',
  'actions/setup-node@v7':
    'node-version cache registry-url package-manager-cache',
  'actions/setup-go@v7': 'go-version go-version-file cache',
  'actions/upload-artifact@v7': 'name path if-no-files-found',
  'actions/download-artifact@v8': 'name path',
  'azure/login@v2': 'client-id tenant-id allow-no-subscriptions environment',
};

/** The action of this repository, without its version. */
const ownAction = 'nx-azure-cache/nx-azure-cache/.github/actions/setup';
inputs[ownAction] = Object.keys(
  yaml.parse(read('.github/actions/setup/action.yml')).inputs,
).join(' ');

/**
 * @param {Mapping} mapping
 * @param {string} words the keys that exist
 * @param {string} where
 */
function hasOnly(mapping, words, where) {
  const known = words.split(' ');
  for (const key of Object.keys(mapping)) {
    assert.ok(known.includes(key), `${where}: ${key}`);
  }
}

/** Checks the variables of a step. GitHub, Azure Pipelines and GitLab want strings. */
const areStrings = (
  /** @type {Mapping} */ env,
  /** @type {string} */ where,
) => {
  for (const [name, value] of Object.entries(env)) {
    assert.equal(typeof value, 'string', `${where}: ${name}`);
  }
};

/** @param {any} permissions */
function arePermissions(permissions) {
  hasOnly(permissions ?? {}, ofPermissions, 'permissions');
  for (const level of Object.values(permissions ?? {})) {
    assert.match(level, /^(read|write|none)$/);
  }
}

/** @param {Mapping} workflow */
function hasKeysOfWorkflows(workflow) {
  // In YAML 1.2, the key `on` is a string.
  hasOnly(workflow, ofWorkflows, 'workflow');
  arePermissions(workflow.permissions);
  for (const [name, job] of Object.entries(workflow.jobs)) {
    hasOnly(job, ofJobs, name);
    arePermissions(job.permissions);
  }
}

/**
 * @param {Mapping} step
 * @param {(uses: string) => string} [versionOf] `owner/name@v1` of what a step uses
 */
function hasKeysOfSteps(step, versionOf = (uses) => uses) {
  const where = JSON.stringify(step);
  hasOnly(step, ofSteps, where);
  assert.equal('uses' in step, !('run' in step), where);
  if (step.uses) {
    const [name, version] = step.uses.split('@');
    const isOwn = name === ownAction && /^v\d+\.\d+\.\d+$/.test(version);
    const action = isOwn ? ownAction : versionOf(step.uses);
    assert.ok(inputs[action], action);
    hasOnly(step.with ?? {}, inputs[action], action);
  }
  areStrings(step.env ?? {}, where);
}

/** @param {Mapping} workflow @returns {Mapping[]} the steps of all jobs */
const stepsOf = ({ jobs }) =>
  Object.values(jobs).flatMap((/** @type {any} */ { steps }) => steps);

module.exports = {
  areStrings,
  hasKeysOfSteps,
  hasKeysOfWorkflows,
  hasOnly,
  stepsOf,
};
