'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { namesBelow } = require('./tree');

/** @import { Machine } from './machine' */

/**
 * The files that hostile archives wrote outside the outputs. All are named evil.
 *
 * @param {Machine} machine
 */
function escapedFiles({ home, workspace }) {
  const found = ['/tmp/evil', '/evil'].filter((file) => fs.existsSync(file));
  for (const folder of [path.dirname(home), home, workspace]) {
    const isOurs = (/** @type {string} */ name) =>
      path.basename(name) === 'evil' && !name.includes('node_modules');
    found.push(...namesBelow(folder).filter(isOurs));
  }
  return found;
}

exports.escapedFiles = escapedFiles;
