'use strict';

const path = require('node:path');
const { root } = require('../kit/root');

/**
 * Holds the bench's builds, its workloads, and the files that the rounds write.
 * It is on the repository's file system, because the bench measures that one.
 */
const cache = path.join(root, 'node_modules', '.cache', 'bench');

exports.folders = {
  packages: path.join(cache, 'npm'),
  tool: path.join(cache, 'nx-azure-testtool'),
  /** Other versions of Nx. */
  nx: path.join(cache, 'nx'),
  workloads: path.join(cache, 'workloads'),
  results: path.join(cache, 'results'),
  /** Findings of runs that are not published. */
  findings: path.join(cache, 'findings'),
};
