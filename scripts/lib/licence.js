'use strict';

const { run } = require('./run');

/**
 * Issues a licence of the development issuer, which source builds trust.
 *
 * @param {string[]} [options] of `nx-azure-license issue`
 * @returns {Promise<string>}
 */
async function developmentLicence(options = ['--days', '30']) {
  const key = 'testdata/license/development.private.jwk.json';
  const { stdout } = await run('go', [
    ...['run', './cmd/nx-azure-license', 'issue'],
    ...['--key', key, '--org', 'Development', ...options],
  ]);
  return stdout.trim();
}

exports.developmentLicence = developmentLicence;
