'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { namesBelow } = require('../kit/tree');

/** @import { Machine } from '../kit/machine' */

/**
 * Files that the hostile archives aim at: all are called evil.
 *
 * @param {Machine} machine
 */
function evilOf({ home, workspace }) {
  const found = ['/tmp/evil', '/evil'].filter((file) => fs.existsSync(file));
  for (const folder of [path.dirname(home), home, workspace]) {
    const isOurs = (/** @type {string} */ name) =>
      path.basename(name) === 'evil' && !name.includes('node_modules');
    found.push(...namesBelow(folder).filter(isOurs));
  }
  return found;
}

exports.evilOf = evilOf;
