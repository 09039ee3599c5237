'use strict';

// The records of runs (go doc ./cache/runs): the one that stays on a machine, and those in
// the storage.

const fs = require('node:fs');
const path = require('node:path');
const { listBlobs, readBlob } = require('./azurite');
const { unzstd } = require('./unzstd');

/** @import { Machine } from './machine' */

/**
 * A record: Record in cache/runs, as far as tests read it.
 *
 * @typedef {object} RunRecord
 * @property {string} session
 * @property {string} started
 * @property {string} ended
 * @property {string} scope
 * @property {string} mode
 * @property {boolean} ci
 * @property {string} nx
 * @property {Record<string, any>} source
 * @property {Record<string, number>} totals
 * @property {[string, number][]} inputs
 * @property {TaskRecord[]} tasks
 *
 * @typedef {object} TaskRecord
 * @property {string} id
 * @property {string} hash
 * @property {string} outcome
 * @property {string} [lookup]
 * @property {string} [from]
 * @property {string} [reason]
 * @property {string} [diagnostic]
 * @property {number} [ran]
 * @property {number} [saved]
 * @property {number[]} [inputs]
 */

/**
 * The file with the record of the last run on a machine.
 *
 * @param {Machine} machine
 */
function lastRunFile(machine) {
  const folder = machine.cacheDirectory();
  if (!folder) throw new Error(`Nx has not run in ${machine.workspace}`);
  return path.join(folder, '.nx-azure-cache', 'last-run');
}

/**
 * The record of the last run on a machine, or undefined.
 *
 * @param {Machine} machine
 */
function lastRunRecord(machine) {
  const file = lastRunFile(machine);
  return fs.existsSync(file) ? readRecord(fs.readFileSync(file)) : undefined;
}

/**
 * The records in a container, by the names of their blobs.
 *
 * @param {string} azurite connection string
 * @param {string} container
 */
async function storedRecords(azurite, container) {
  /** @type {Record<string, RunRecord>} */
  const records = {};
  for (const { name } of await listBlobs(azurite, container)) {
    if (!isRecord(name)) continue;
    const url = `/devstoreaccount1/${container}/${name}`;
    records[name] = readRecord((await readBlob(azurite, url)).content);
  }
  return records;
}

/** Matches the name of a record's blob: the prefix, the scope, and the time and session. */
const recordName =
  /^(|.*\/)v1\/([^/]+)\/runs\/(\d{4}-\d\d-\d\d\/\d{6}-[\w-]+)$/;

/**
 * Whether the name of a blob is that of a record.
 *
 * @param {string} name
 */
const isRecord = (name) => recordName.test(name);

/**
 * The scope of the record with this name; undefined if it is no record's name.
 *
 * @param {string} name
 */
const recordScope = (name) => recordName.exec(name)?.[2];

/**
 * The name of a blob, without the time and the session of a record.
 *
 * @param {string} name
 */
const anyRecord = (name) => name.replace(recordName, '$1v1/$2/runs/*');

/**
 * The record in the body of a blob, or in a file.
 *
 * @param {Buffer} body
 * @returns {RunRecord}
 */
const readRecord = (body) => JSON.parse(unzstd(body).toString());

/**
 * A task in a record, which must have it once.
 *
 * @param {RunRecord} record
 * @param {string} id
 */
function taskIn({ tasks }, id) {
  const found = tasks.filter((task) => task.id === id);
  if (found.length === 1) return found[0];
  throw new Error(`the record has ${id} ${found.length} times`);
}

/**
 * The inputs of a task, by name; undefined if the record has none.
 *
 * @param {RunRecord} record
 * @param {string} id
 */
function inputsOf(record, id) {
  const { inputs } = taskIn(record, id);
  return inputs && Object.fromEntries(inputs.map((i) => record.inputs[i]));
}

/**
 * @param {RunRecord} record
 * @returns {Record<string, string>} by task
 */
const outcomes = ({ tasks }) =>
  Object.fromEntries(tasks.map(({ id, outcome }) => [id, outcome]).sort());

exports.anyRecord = anyRecord;
exports.inputsOf = inputsOf;
exports.isRecord = isRecord;
exports.lastRunFile = lastRunFile;
exports.lastRunRecord = lastRunRecord;
exports.outcomes = outcomes;
exports.readRecord = readRecord;
exports.recordScope = recordScope;
exports.storedRecords = storedRecords;
exports.taskIn = taskIn;
