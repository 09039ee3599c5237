'use strict';

// npm run fuzz [-- --time 10m] [--parallel 1] [NAME …]
//
// Runs the fuzz targets of the Go packages, or only those whose names contain a
// NAME, one after the other, each for that time. Targets that write files are
// several times as fast with TMPDIR=/dev/shm. Go writes an input that breaks a
// target to testdata/fuzz of its package, and every `go test` repeats it: commit it
// with the fix.

const os = require('node:os');
const { parseArgs } = require('node:util');
const { runMain, temporaryFolder } = require('./kit/cleanup');
const { go, goEnvironment } = require('./kit/go');
const { attempt } = require('./kit/run');

/** @typedef {{ pkg: string, name: string }} Target */

/**
 * The fuzz targets of a Go module.
 *
 * @param {string} [cwd] the folder of the module
 * @returns {Promise<Target[]>}
 */
async function fuzzTargets(cwd) {
  const args = ['test', '-list', '^Fuzz', './...'];
  const { stdout } = await go(args, { cwd });
  /** @type {Target[]} */
  const targets = [];
  /** @type {string[]} */
  let names = []; // names come before the line of their package
  for (const line of stdout.split('\n')) {
    const [word, pkg] = line.split(/\s+/);
    if (word.startsWith('Fuzz')) {
      names.push(word);
    } else if (word === 'ok') {
      targets.push(...names.map((name) => ({ pkg, name })));
      names = [];
    }
  }
  if (targets.length === 0) throw new Error('there are no fuzz targets');
  return targets;
}

/**
 * Runs one target. Resolves to its result and figures, also after a finding.
 *
 * @param {Target} target
 * @param {{ time?: string, parallel?: string, cwd?: string }} [options]
 */
async function fuzz({ pkg, name }, { time = '1m', parallel = '1', cwd } = {}) {
  // By default, Go minimizes an interesting input of some kilobytes for a minute,
  // and tries nothing new in that time.
  const args = ['test', pkg, '-run', '^$', '-fuzz', `^${name}$`].concat(
    ...['-fuzztime', time, '-fuzzminimizetime', '10x'],
    ...['-parallel', parallel, '-timeout', '0'],
  );
  const { code, output, took } = await attempt('go', args, {
    cwd,
    env: { ...process.env, ...goEnvironment },
  });
  const figures = [
    ...output.matchAll(/execs: (\d+) .*new interesting: (\d+)/g),
  ].at(-1);
  const [execs, found] = figures ? figures.slice(1).map(Number) : [0, 0];
  let result = 'no finding';
  if (code !== 0) result = 'FAILED';
  // Go first tries the inputs that were interesting before.
  else if (execs === 0) result = 'NOTHING NEW TRIED: --time is too short';
  return { ok: code === 0 && execs > 0, result, execs, found, took, output };
}

async function main() {
  const { values, positionals } = parseArgs({
    options: {
      time: { type: 'string', default: '1m' },
      parallel: { type: 'string', default: '1' },
    },
    allowPositionals: true,
  });
  const all = await fuzzTargets();
  const chosen = all.filter(
    ({ name }) =>
      positionals.length === 0 ||
      positionals.some((part) => name.includes(part)),
  );
  if (chosen.length === 0) {
    const names = all.map(({ name }) => name).join(', ');
    throw new Error(
      `no target's name contains ${positionals.join(', ')}; the targets are ${names}`,
    );
  }
  // A target that is stopped while it runs an input leaves files behind.
  process.env.TMPDIR = temporaryFolder('fuzz');
  os.setPriority(10); // lets other programs go first; children inherit it
  let failed = 0;
  console.log(`| target | time | execs | new interesting | result |`);
  console.log(`|---|---|---|---|---|`);
  for (const target of chosen) {
    const { ok, result, execs, found, took, output } = await fuzz(
      target,
      values,
    );
    const seconds = `${(took / 1000).toFixed(0)} s`;
    const cells = [target.name, seconds, execs, found, result];
    console.log(`| ${cells.join(' | ')} |`);
    if (!ok) {
      failed++;
      console.error(output.replace(/^fuzz: elapsed: .*\n/gm, ''));
    }
  }
  return failed === 0 ? 0 : 1;
}

if (require.main === module) runMain(main);

exports.fuzzTargets = fuzzTargets;
exports.fuzz = fuzz;
