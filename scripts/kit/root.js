'use strict';

const path = require('node:path');

/** The root of the repository. */
exports.root = path.join(__dirname, '..', '..');
