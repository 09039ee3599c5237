'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./root');
const { go } = require('./go');

/**
 * Issues a license of the development issuer, which source builds trust.
 *
 * @returns {Promise<string>}
 */
async function developmentLicense() {
  const key = 'testdata/license/development.private.jwk.json';
  const { stdout } = await go([
    ...['run', './cmd/nx-azure-license', 'issue'],
    ...['--key', key, '--org', 'Development', '--days', '30'],
  ]);
  return stdout.trim();
}

/**
 * A license of testdata/license/README.md.
 *
 * @param {string} name
 */
function testLicense(name) {
  const file = path.join(root, 'testdata', 'license', `${name}.jwt`);
  return fs.readFileSync(file, 'utf8').trim();
}

exports.developmentLicense = developmentLicense;
exports.testLicense = testLicense;
