'use strict';

const path = require('node:path');
const { temporaryFolder } = require('./cleanup');
const { go } = require('./go');

/** Hosts on the internet. Only a test's proxy connects to a server under these names. */
const cloudHosts = {
  /** The host that Azurite's account would have in Azure. */
  storage: 'devstoreaccount1.blob.core.windows.net',
  authority: 'login.example.com',
  github: 'actions.example.com',
};

/**
 * A certificate for servers on 127.0.0.1 and localhost, and for servers that a proxy reaches
 * under the name of a host on the internet.
 *
 * @typedef {object} Certificate
 * @property {string} cert path of the certificate, which is its own CA: PEM
 * @property {string} key path of its private key: PEM
 */

/**
 * Makes a certificate that no machine trusts. Uses Go's own tool, and so needs no OpenSSL.
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
  const usual = ['127.0.0.1', 'localhost', ...Object.values(cloudHosts)];
  const hosts = [...usual, ...moreHosts];
  await go(['run', tool, `--host=${hosts}`, ...options], { cwd: folder });
  return {
    cert: path.join(folder, 'cert.pem'),
    key: path.join(folder, 'key.pem'),
  };
}

exports.cloudHosts = cloudHosts;
exports.createCertificate = createCertificate;
