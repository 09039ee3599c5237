'use strict';

// The `az` commands of docs/setup.md that create the storage, with the names of this
// workspace.

const fs = require('node:fs');
const path = require('node:path');

/** @import { Block } from './settings' */

/**
 * @param {Block} block
 * @returns {string[]} lines
 */
function azureCommands({ accountName, container }) {
  let script = fs.readFileSync(
    path.join(__dirname, 'templates', 'azure.sh'),
    'utf8',
  );
  for (const [variable, value, allowed] of /** @type {const} */ ([
    ['ACCOUNT', accountName, /^[a-z0-9]{3,24}$/],
    ['CONTAINER', container, /^[a-z0-9-]{3,63}$/],
  ])) {
    if (typeof value !== 'string' || !allowed.test(value)) continue;
    const line = RegExp(`^${variable}=.*$`, 'm');
    script = script.replace(line, `${variable}=${value}`);
  }
  return script.trimEnd().split('\n');
}

module.exports = { azureCommands };
