'use strict';

/**
 * Whether a license file holds nothing but licenses of this package, comments and blank
 * lines. license/doc.go specifies both. Other products keep their licenses in the same file.
 *
 * @param {string} text
 */
function isOurLicenseFile(text) {
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#;[]/.test(line));
  return lines.every((line) =>
    isOurLicense(
      line.replace(/^license\s*=\s*/i, '').replace(/^"(.*)"$/, '$1'),
    ),
  );
}

/**
 * Whether a string has the form of our licenses. Their signature does not matter here.
 *
 * @param {string} text
 */
function isOurLicense(text) {
  const [header, claims, signature, ...more] = text.split('.');
  return (
    Boolean(signature) &&
    more.length === 0 &&
    decode(header)?.alg === 'EdDSA' &&
    [decode(claims)?.features].flat().includes('self-hosted-cache')
  );
}

/** @param {string} part of a JSON Web Token */
function decode(part) {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

module.exports = { isOurLicenseFile };
