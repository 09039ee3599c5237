'use strict';

// Makes records of runs without our binary. `go doc ./cache/runs` describes the format.

const { zstd } = require('../kit/archives');

/**
 * The name of a record's blob.
 *
 * @param {string} scope
 * @param {Date} ended
 * @param {string} session
 */
function recordName(scope, ended, session) {
  const [day, time] = ended.toISOString().split('T');
  const at = time.slice(0, 8).replaceAll(':', '');
  return `v1/${scope}/runs/${day}/${at}-${session}`;
}

/**
 * The body of a record.
 *
 * @param {{ scope: string, ended: Date, session: string, [field: string]: unknown }} fields
 */
function recordBody({ ended, ...fields }) {
  const record = {
    ...{ format: 1, started: ended, ended, mode: 'read-write', ci: true },
    ...{ source: {}, totals: {}, inputs: [], tasks: [] },
    ...fields,
  };
  return zstd(Buffer.from(JSON.stringify(record)));
}

/**
 * Fields that a terminal, a CI's log or a page might execute, in a record of a task.
 *
 * @param {string} id of the task
 */
function hostileFields(id) {
  const bad =
    '\x1b[2J\x1b]0;x\x07\nnx-azure-cache: forged\r\n##vso[x]y\u202e\u009b';
  return {
    ...{ nx: bad, tool: bad, os: bad, arch: bad },
    source: { repository: bad, ref: bad, commit: bad, run: `https://x/${bad}` },
    inputs: [
      [`env:${bad}`, 1],
      [bad, 2],
    ],
    tasks: [
      { id, hash: '1', outcome: 'stored', bytes: 1, ran: 1, inputs: [0, 1] },
      {
        ...{ id: bad, hash: '2', outcome: bad, lookup: bad, reason: bad },
        ...{ diagnostic: bad, from: bad },
      },
    ],
  };
}

exports.hostileFields = hostileFields;
exports.recordBody = recordBody;
exports.recordName = recordName;
