'use strict';

/**
 * Characters that occur in keys, client secrets, connection strings and SAS tokens, and in
 * no valid setting.
 */
const secretCharacters = /[=;?&~@%+]/;

/** The most bytes of a setting that is shown. */
const maxLength = 63;

/**
 * Whether a string may be a secret. The binary has the same rule; the tests of both read
 * testdata/config/secrets.json.
 *
 * @param {string} value
 */
function mayBeSecret(value) {
  return secretCharacters.test(value) || Buffer.byteLength(value) > maxLength;
}

exports.mayBeSecret = mayBeSecret;
