'use strict';

const path = require('node:path');
const { root } = require('../kit/root');

/**
 * Where the bench keeps its things: what it builds, the workloads, and what
 * the rounds write. On the file system of the repository, because that is the
 * one that is measured.
 */
const cache = path.join(root, 'node_modules', '.cache', 'bench');

exports.folders = {
  packages: path.join(cache, 'npm'),
  tool: path.join(cache, 'nx-azure-testtool'),
  /** Other versions of Nx. */
  nx: path.join(cache, 'nx'),
  workloads: path.join(cache, 'workloads'),
  results: path.join(cache, 'results'),
  /** What runs have found that is not to be published. */
  findings: path.join(cache, 'findings'),
};
