'use strict';

const path = require('node:path');
const { debug } = require('./notices');
const { ownFolder, removeOwnFile, writeOwnFileNow } = require('./own-file');
const { reasonOf } = require('./reason');
const { isInterrupted } = require('./signals');

/** @import { Client } from './client' */
/** @import { RunRecord } from './run-record' */

/**
 * Hands the record of a run over to the server while this process exits. Returns its cache
 * directory, or undefined. A record is for people, so a failure shows in the log only.
 *
 * @param {Client} client
 * @param {{ session: string }} session
 * @param {RunRecord} record
 */
function handOver(client, { session }, record) {
  const { cacheDirectory } = record;
  if (client.ended || record.size === 0 || !cacheDirectory) return undefined;
  try {
    const file = path.join(ownFolder(cacheDirectory, session), 'run.json');
    const content = record.handOver(client.waited);
    // A signal may also have ended the server, which has then removed its folder.
    writeOwnFileNow(file, content, { mayCreate: !isInterrupted() });
    if (client.notifyAtExit('runEnded', { cacheDirectory })) {
      return cacheDirectory;
    }
    removeOwnFile(file);
    throw new Error('the cache process does not read its messages');
  } catch (err) {
    debug(`there is no record of this run: ${reasonOf(err)}`);
    return undefined;
  }
}

exports.handOver = handOver;
