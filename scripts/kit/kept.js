'use strict';

const path = require('node:path');
const { root } = require('./root');

/** Stays from one run to the next: downloads, and programs that were built once. */
const kept = path.join(root, 'node_modules', '.cache', 'nx-azure-cache');

exports.kept = kept;
