'use strict';

const fs = require('node:fs');
const { mayBeSecret } = require('./secrets');

/** @import { MessageReader, MessageWriter } from 'vscode-jsonrpc/node' */

/**
 * Appends each message that a client sends (`>`) and receives (`<`) to the file
 * NX_AZURE_CACHE_TRACE, as a line of JSON. The trace is for debugging and for
 * `npm run fixtures -- --record`. It contains the output of tasks, but no secret of this
 * package's configuration. Does nothing if the variable is unset. Returns a function that
 * appends a message that the client sends without the writer.
 *
 * @param {MessageReader} reader
 * @param {MessageWriter} writer
 * @param {NodeJS.ProcessEnv} env without variables from .env files
 */
function trace(reader, writer, env) {
  const file = env.NX_AZURE_CACHE_TRACE;
  if (!file) return () => {};
  const note = (
    /** @type {'>' | '<'} */ direction,
    /** @type {any} */ message,
  ) => {
    const time = Date.now();
    const line = {
      time,
      pid: process.pid,
      direction,
      message: redact(message),
    };
    try {
      fs.appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch {
      // An unwritable trace must not turn the cache off.
    }
  };
  const { listen } = reader;
  reader.listen = (callback) =>
    listen.call(reader, (message) => {
      note('<', message);
      callback(message);
    });
  const { write } = writer;
  writer.write = (message) => {
    note('>', message);
    return write.call(writer, message);
  };
  return (/** @type {object} */ message) => note('>', message);
}

/**
 * Removes possible secrets from a message: the values of variables, and secrets that
 * someone put into the azure block by mistake.
 *
 * @param {any} message
 */
function redact(message) {
  const { config, claims } = message.params ?? {};
  const params = {
    ...message.params,
    ...(config !== undefined && { config: redactStrings(config) }),
    ...(Array.isArray(claims) && { claims: claims.map(withoutValue) }),
  };
  return message.params ? { ...message, params } : message;
}

/**
 * Hides every value, however short, because a password may be a word.
 *
 * @param {import('./environment').Claim} claim
 */
function withoutValue(claim) {
  return { ...claim, value: `a value of ${claim.value.length} characters` };
}

/**
 * Replaces strings that may be secrets, in values and keys.
 *
 * @param {any} value
 * @returns {any}
 */
function redactStrings(value) {
  if (typeof value === 'string') {
    return mayBeSecret(value)
      ? `a string of ${value.length} characters`
      : value;
  }
  if (Array.isArray(value)) return value.map(redactStrings);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      redactStrings(key),
      redactStrings(member),
    ]),
  );
}

exports.trace = trace;
