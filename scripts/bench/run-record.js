'use strict';

// node scripts/bench/run-record.js [--tasks 1000] [--inputs 40] [--rounds 20]
//
// Measures the CPU time that the record of a run costs the process of Nx: while tasks run, and
// when the process exits. Prints medians.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { writeOwnFileNow } = require('../../npm/nx-azure-cache/lib/own-file');
const { RunRecord } = require('../../npm/nx-azure-cache/lib/run-record');
const { median } = require('./statistics');

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '1000' },
    inputs: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '20' },
  },
});

/**
 * Tasks as Nx makes them: a fifth of the inputs is the same for all, the rest is from their
 * projects and dependencies. Each value is a string of its own, as from Nx's Rust code.
 *
 * @param {number} count
 * @param {number} inputs
 */
function makeTasks(count, inputs) {
  const value = (/** @type {number} */ n) => `${n}`.padStart(20, '1234567890');
  return Array.from({ length: count }, (_, i) => {
    /** @type {Record<string, string>} */
    const nodes = {};
    for (let j = 0; j < inputs / 5; j++) nodes[`env:VARIABLE_${j}`] = value(j);
    for (let j = 0; Object.keys(nodes).length < inputs - 1; j++) {
      const project = (i + (j >> 1)) % count;
      const kind = j % 2 ? 'ProjectConfiguration' : '{projectRoot}/**/*';
      nodes[`project-${project}:${kind}`] = value(project * 2 + (j % 2));
    }
    const details = { command: value(i), nodes, implicitDeps: {}, runtime: {} };
    return {
      id: `project-${i}:build:production`,
      hash: value(i * 7),
      cache: true,
      startTime: Date.now() - 1000,
      endTime: Date.now(),
      hashDetails: details,
    };
  });
}

/** Milliseconds, which other processes of a busy machine do not change much. */
function cpuTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'run-record-'));
  /** @type {{ running: number[], exiting: number[] }} */
  const rounds = { running: [], exiting: [] };
  let bytes = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    const tasks = makeTasks(Number(values.tasks), Number(values.inputs));
    const record = new RunRecord();
    const began = cpuTime();
    for (const task of tasks) {
      record.lookUp(task);
      record.lookedUp(task, null);
      record.begin(task);
      record.put(task, 0);
      record.takeTook(task.hash);
      record.end(task, 'success');
    }
    const exits = cpuTime();
    const bytesOfRound = record.handOver(0);
    writeOwnFileNow(
      path.join(folder, 'sessions', `${round}`, 'run.json'),
      bytesOfRound,
    );
    const ended = cpuTime();
    rounds.running.push(exits - began);
    rounds.exiting.push(ended - exits);
    bytes = bytesOfRound.length;
  }
  fs.rmSync(folder, { recursive: true });
  const first = rounds.exiting[0];
  const { running, exiting } = rounds;
  console.log(
    `${values.tasks} tasks with ${values.inputs} inputs: ${median(running).toFixed(1)} ms while they run, ${median(exiting).toFixed(1)} ms at exit (${first.toFixed(1)} ms in the first round), ${bytes} bytes`,
  );
}

main();
