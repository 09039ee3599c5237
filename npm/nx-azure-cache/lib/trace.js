'use strict';

const fs = require('node:fs');

/** @import { MessageReader, MessageWriter } from 'vscode-jsonrpc/node' */

/**
 * Characters that are in keys, connection strings and SAS, and in no correct
 * setting; see cmd/nx-azure-cache/config.go.
 */
const foreign = /[=;?&~]/;

/** The length of the longest setting whose text is shown. */
const longest = 63;

/**
 * Appends each message that a client sends (`>`) and receives (`<`) to the file
 * NX_AZURE_CACHE_TRACE, one line of JSON each. It is for looking into trouble and
 * for `npm run fixtures -- --record`. It holds what tasks print, and no secret of
 * this package's configuration. Does nothing where the variable is not set.
 *
 * @param {MessageReader} reader
 * @param {MessageWriter} writer
 * @param {NodeJS.ProcessEnv} env without what .env files add
 */
function trace(reader, writer, env) {
  const file = env.NX_AZURE_CACHE_TRACE;
  if (!file) return;
  const note = (
    /** @type {'>' | '<'} */ direction,
    /** @type {any} */ message,
  ) => {
    const time = Date.now();
    const line = { time, pid: process.pid, direction, message: clean(message) };
    try {
      fs.appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch {
      // A trace that cannot be written must not cost the cache.
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
}

/**
 * A message without what may be a secret: the values of variables, and a secret that
 * was put into the wrong place of the block of nx.json.
 *
 * @param {any} message
 */
function clean(message) {
  const { config, claims } = message.params ?? {};
  const params = {
    ...message.params,
    ...(config !== undefined && { config: hide(config) }),
    ...(Array.isArray(claims) && { claims: claims.map(withoutValue) }),
  };
  return message.params ? { ...message, params } : message;
}

/**
 * All of it, however short: a password may be a word.
 *
 * @param {import('./environment').Claim} claim
 */
function withoutValue(claim) {
  return { ...claim, value: `a value of ${claim.value.length} characters` };
}

/**
 * Replaces the texts that may be secrets, in keys, too.
 *
 * @param {any} value
 * @returns {any}
 */
function hide(value) {
  if (typeof value === 'string') {
    const isOdd = foreign.test(value) || value.length > longest;
    return isOdd ? `a string of ${value.length} characters` : value;
  }
  if (Array.isArray(value)) return value.map(hide);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [hide(key), hide(member)]),
  );
}

exports.trace = trace;
