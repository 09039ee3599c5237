'use strict';

const path = require('node:path');
const { root } = require('./root');

/** Holds what stays from one run to the next: downloads and built programs. */
const kept = path.join(root, 'node_modules', '.cache', 'nx-azure-cache');

exports.kept = kept;
