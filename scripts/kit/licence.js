'use strict';

const { run } = require('./run');

/**
 * Issues a licence of the development issuer, which source builds trust.
 *
 * @returns {Promise<string>}
 */
async function developmentLicence() {
  const key = 'testdata/license/development.private.jwk.json';
  const { stdout } = await run('go', [
    ...['run', './cmd/nx-azure-license', 'issue'],
    ...['--key', key, '--org', 'Development', '--days', '30'],
  ]);
  return stdout.trim();
}

exports.developmentLicence = developmentLicence;
