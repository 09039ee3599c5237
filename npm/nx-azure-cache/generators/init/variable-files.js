'use strict';

/** Files that may set a workspace's variables. */
const names = [
  ...['.env', '.env.local', '.local.env', '.nx.env'],
  ...['.gitlab-ci.yml', 'azure-pipelines.yml', 'Jenkinsfile'],
];

/**
 * The files of a workspace that may set variables, with their text.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 */
function variableFiles(tree) {
  const workflows = '.github/workflows';
  const files = tree.exists(workflows)
    ? tree.children(workflows).map((name) => `${workflows}/${name}`)
    : [];
  return [...names, ...files]
    .filter((file) => tree.isFile(file))
    .map((file) => ({ file, text: tree.read(file, 'utf8') ?? '' }));
}

module.exports = { variableFiles };
