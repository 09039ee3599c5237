'use strict';

// Keys and envelopes, implemented again from the docs and specifications: the binary's
// signatures must verify here, and the signatures made here must verify there.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');

// The types of envelopes: about entries, and about records of runs.
const artifactType = 'application/vnd.nx-azure-cache.artifact+json';
const runType = 'application/vnd.nx-azure-cache.run+json';

/**
 * @typedef {object} Key
 * @property {string} id
 * @property {string} publicKey as in nx.json
 * @property {string} pem the private key
 */

/** @returns {Key} */
function generateKey() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const digest = crypto.createHash('sha256').update(spki).digest('hex');
  return {
    id: digest.slice(0, 16),
    publicKey: spki.toString('base64'),
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/**
 * The signed bytes (github.com/secure-systems-lab/dsse, protocol.md).
 *
 * @param {string} type
 * @param {Buffer} payload
 */
function preAuthenticationEncoding(type, payload) {
  const head = `DSSEv1 ${type.length} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/**
 * @param {object} statement
 * @param {Key} key
 * @param {string} [keyid] that the envelope names
 * @param {string} [payloadType]
 */
function sign(statement, key, keyid = key.id, payloadType = artifactType) {
  const payload = Buffer.from(JSON.stringify(statement));
  const encoded = preAuthenticationEncoding(payloadType, payload);
  const sig = crypto.sign(null, encoded, key.pem).toString('base64');
  return JSON.stringify({
    payloadType,
    payload: payload.toString('base64'),
    signatures: [{ keyid, sig }],
  });
}

/**
 * The statement in an envelope. Throws unless the key signed it.
 *
 * @param {string} envelope
 * @param {Key} key
 * @param {string} [type]
 */
function verify(envelope, key, type = artifactType) {
  const { payloadType, payload, signatures } = JSON.parse(envelope);
  assert.equal(payloadType, type);
  assert.equal(signatures.length, 1);
  const [{ keyid, sig }] = signatures;
  assert.equal(keyid, key.id);
  const bytes = Buffer.from(payload, 'base64');
  const spki = Buffer.from(key.publicKey, 'base64');
  const publicKey = crypto.createPublicKey({
    key: spki,
    format: 'der',
    type: 'spki',
  });
  const isSigned = crypto.verify(
    null,
    preAuthenticationEncoding(type, bytes),
    publicKey,
    Buffer.from(sig, 'base64'),
  );
  assert.ok(isSigned, 'the signature is wrong');
  return JSON.parse(bytes.toString('utf8'));
}

exports.generateKey = generateKey;
exports.runType = runType;
exports.sign = sign;
exports.verify = verify;
