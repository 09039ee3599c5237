'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../kit/root');
const { chart } = require('./chart');
const { folders } = require('./folders');
const tables = require('./tables');

/** @import { Results, Sizes, Verdict } from './budgets' */
/** @import { Machine } from './facts' */

/**
 * Everything that a run found: the content of bench.json.
 *
 * @typedef {object} Findings
 * @property {Machine} machine
 * @property {number} rounds
 * @property {Results} results
 * @property {Sizes} sizes
 * @property {Verdict[]} verdicts
 * @property {string[]} failures
 */

/** The pages with tables, relative to docs. */
const pages = ['performance.md', 'performance/details.md'];

/**
 * Writes the findings to docs, or to another folder.
 *
 * @param {Findings} findings
 * @param {string | null} aside name of the other folder
 * @returns {Promise<string>} the folder
 */
async function publish(findings, aside) {
  const folder = aside
    ? path.join(folders.findings, aside)
    : path.join(root, 'docs', 'performance');
  fs.mkdirSync(folder, { recursive: true });
  const { format } = require('prettier');
  const json = JSON.stringify(findings, null, 2);
  fs.writeFileSync(
    path.join(folder, 'bench.json'),
    await format(json, { parser: 'json' }),
  );
  fs.writeFileSync(path.join(folder, 'chart.svg'), drawChart(findings));
  for (const [page, text] of Object.entries(withTables(parts(findings)))) {
    fs.writeFileSync(
      aside
        ? path.join(folder, path.basename(page))
        : path.join(root, 'docs', page),
      aside ? text.replaceAll('(performance/', '(') : text,
    );
  }
  return folder;
}

/** @param {Findings} findings */
function drawChart({ machine, rounds, results }) {
  const { cpu, cores, date } = machine;
  // The others have no separate time for which Nx waits.
  const rows = Object.entries(results)
    .filter(([id]) => !id.startsWith('wait ') && id !== 'opened')
    .map(([, row]) => row);
  return chart(
    rows,
    `Medians of ${rounds} rounds on ${cores} cores of ${cpu}, ${date} UTC, commit ${machine.commit}`,
  );
}

/**
 * The tables of the page, by the names of their markers.
 *
 * @param {Findings} findings
 * @returns {Record<string, string>}
 */
function parts({ machine, rounds, results, sizes, verdicts }) {
  const rows = Object.values(results);
  const markdown = tables.asMarkdown;
  return {
    machine: markdown([
      ...tables.machineTable(machine),
      ['rounds', `${rounds} of each, and one before that does not count`],
    ]),
    times: markdown(tables.timeTable(rows)),
    costs: markdown(tables.costTable(rows)),
    sizes: markdown(tables.sizeTable(sizes)),
    budgets: markdown(tables.budgetTable(verdicts)),
  };
}

/**
 * Puts each part into the page that has its markers.
 *
 * @param {Record<string, string>} parts
 * @returns {Record<string, string>} the pages, by their names relative to docs
 */
function withTables(parts) {
  const written = Object.fromEntries(
    pages.map((page) => [
      page,
      fs.readFileSync(path.join(root, 'docs', page), 'utf8'),
    ]),
  );
  for (const [name, part] of Object.entries(parts)) {
    const page =
      pages.find((page) => written[page].includes(`<!-- bench:${name} -->`)) ??
      pages[0];
    written[page] = withParts(written[page], { [name]: part });
  }
  return written;
}

/**
 * Replaces the text between the markers `<!-- bench:NAME -->` and
 * `<!-- /bench:NAME -->` with the part NAME.
 *
 * @param {string} text
 * @param {Record<string, string>} parts
 */
function withParts(text, parts) {
  for (const [name, part] of Object.entries(parts)) {
    const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`there is no ${begin} … ${end}`);
    text = `${text.slice(0, from + begin.length)}\n${part}\n${text.slice(to)}`;
  }
  return text;
}

exports.publish = publish;
exports.withParts = withParts;
exports.withTables = withTables;
