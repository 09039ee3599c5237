'use strict';

const path = require('node:path');
const { temporaryFolder } = require('./cleanup');
const { go } = require('./go');

/** Hosts of the internet, which only a proxy of a test leads anywhere. */
const cloudHosts = {
  /** The one that Azurite's account would have in Azure. */
  storage: 'devstoreaccount1.blob.core.windows.net',
  authority: 'login.example.com',
  github: 'actions.example.com',
};

/**
 * A certificate that is its own CA, for servers on 127.0.0.1 and localhost, and for those
 * that a proxy reaches under the name of a host of the internet.
 *
 * @typedef {object} Certificate
 * @property {string} cert path of the certificate, which is its own CA: PEM
 * @property {string} key path of its private key: PEM
 */

/**
 * Makes one that no machine trusts. Go's own tool makes it, so OpenSSL is not needed.
 *
 * @param {string} [folder] where its files go
 * @param {string[]} [moreHosts]
 * @returns {Promise<Certificate>}
 */
async function createCertificate(
  folder = temporaryFolder('certificate'),
  moreHosts = [],
) {
  const { stdout } = await go(['env', 'GOROOT']);
  const tool = path.join(stdout.trim(), 'src/crypto/tls/generate_cert.go');
  const options = ['--ca', '--ecdsa-curve=P256', '--duration=24h'];
  const own = ['127.0.0.1', 'localhost', ...Object.values(cloudHosts)];
  const hosts = [...own, ...moreHosts];
  await go(['run', tool, `--host=${hosts}`, ...options], { cwd: folder });
  return {
    cert: path.join(folder, 'cert.pem'),
    key: path.join(folder, 'key.pem'),
  };
}

exports.cloudHosts = cloudHosts;
exports.createCertificate = createCertificate;
