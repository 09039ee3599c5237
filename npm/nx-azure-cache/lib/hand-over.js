'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { debug } = require('./notices');
const { ownFolder, writeOwnFileNow } = require('./own-file');
const { reasonOf } = require('./reason');

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
    writeOwnFileNow(file, record.handOver(client.waited));
    if (client.notifyAtExit('runEnded', { cacheDirectory })) {
      return cacheDirectory;
    }
    fs.rmSync(file, { force: true });
    throw new Error('the cache process does not read its messages');
  } catch (err) {
    debug(`there is no record of this run: ${reasonOf(err)}`);
    return undefined;
  }
}

exports.handOver = handOver;
