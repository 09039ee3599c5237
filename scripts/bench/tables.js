'use strict';

// Formats the measurements as tables.

const { short } = require('./rows');

/** @import { Sizes, Verdict } from './budgets' */
/** @import { Machine } from './facts' */
/** @import { Contender } from './rows' */
/** @import { Figures } from './statistics' */

/**
 * @typedef {object} Result a measured row
 * @property {string} title
 * @property {Partial<Record<Contender, Figures>>} results
 */

/** @type {Record<Contender, string>} */
const names = {
  ours: 'nx-azure-cache',
  'two scopes': 'two scopes',
  nx: "Nx's client",
  plain: 'plain JS plugin',
  'cp -r': '`cp -r`',
  'tar | zstd': 'tar | zstd',
  write: 'plain writing',
  'raw GET': 'raw GETs',
  local: 'all local',
  none: 'no remote cache',
  'local hits': 'with ours',
  'local records': 'with a record',
  backfill: 'backfill, all present',
  'backfill all': 'backfill, none present',
  records: 'with a record',
  'no records': 'without a record',
};

/** @type {Contender[]} */
const clients = ['ours', 'nx', 'plain'];

/** @type {Contender[]} those that request results from a storage */
const withRequests = [
  'ours',
  'two scopes',
  'nx',
  'plain',
  'local hits',
  'local records',
  'records',
  'no records',
];

/**
 * The times of the clients and the limits.
 *
 * @param {readonly Result[]} rows
 * @returns {string[][]} with a header
 */
function timeTable(rows) {
  const header = ['', ...clients.map((name) => names[name]), 'limits'];
  return [
    [...header, `against ${names.nx}`],
    ...rows.map(({ title, results }) => [
      title,
      ...clients.map((name) => time(results[name]?.ms)),
      limitsIn(results)
        .map(([name, { ms }]) => `${names[name]} ${time(ms)}`)
        .join(', ') || '–',
      against(results.ours, results.nx),
    ]),
  ];
}

/**
 * @param {Result['results']} results
 * @returns {[Contender, Figures][]}
 */
function limitsIn(results) {
  const entries = /** @type {[Contender, Figures][]} */ (
    Object.entries(results)
  );
  return entries.filter(([name]) => !clients.includes(name));
}

/**
 * @param {Figures | undefined} ours
 * @param {Figures | undefined} other
 */
function against(ours, other) {
  if (!ours || !other) return '–';
  const factor = other.ms / ours.ms;
  return `${digits(factor)}×${factor < 1 ? ' (slower)' : ''}`;
}

/**
 * The costs other than time: bytes, memory, CPU.
 *
 * @param {readonly Result[]} rows
 * @returns {string[][]} with a header
 */
function costTable(rows) {
  const header = ['', 'client', 'requests', 'sent', 'received', 'stored'];
  return [
    [...header, 'peak memory of Node', 'of the child', 'CPU'],
    ...rows.flatMap(({ title, results }) =>
      withRequests.flatMap((name) => {
        const figures = results[name];
        if (figures?.requests === undefined) return [];
        return [[title, names[name], ...costs(figures)]];
      }),
    ),
  ];
}

/** @param {Figures} figures */
function costs({ requests, sent, received, stored, rssNode, rssChild, cpu }) {
  return [
    requests === undefined ? '–' : String(requests),
    ...[sent, received, stored].map(megabytes),
    ...[rssNode, rssChild].map(mebibytes),
    cpu === undefined ? '–' : `${cpu.toFixed(2)} s`,
  ];
}

/**
 * @param {readonly Verdict[]} verdicts
 * @returns {string[][]} with a header
 */
function budgetTable(verdicts) {
  return [
    ['budget', 'target', 'measured', ''],
    ...verdicts.map(({ what, target, measured, verdict }) => [
      ...[what, target, measured, verdict],
    ]),
  ];
}

/**
 * The sizes of npm's downloads and of the stored results.
 *
 * @param {Sizes} sizes
 * @returns {string[][]} with a header
 */
function sizeTable({ packages, stored }) {
  return [
    ['', 'bytes', 'compared'],
    ...Object.entries(packages).map(([name, { binary, download }]) => [
      `package ${name}`,
      `${megabytes(download)} to download`,
      `binary ${megabytes(binary)}`,
    ]),
    ...Object.entries(stored).map(([name, { tar, gzip, ours }]) => [
      `stored ${short[name]}`,
      megabytes(ours),
      `tar ${megabytes(tar)}, \`gzip -6\` of it ${megabytes(gzip)}`,
    ]),
  ];
}

/**
 * @param {Machine} machine
 * @returns {string[][]} with a header
 */
function machineTable(machine) {
  const { cpu, cores, memoryGB, kernel, fileSystem, node, go, nx } = machine;
  return [
    ['machine', ''],
    ['processor', `${cpu}, ${cores} cores`],
    ['memory', `${memoryGB} GB`],
    ['system', `${kernel}, ${fileSystem}`],
    ['versions', `Node ${node}, Go ${go}, Nx ${nx}`],
    ['measured', `${machine.date} UTC, at commit ${machine.commit}`],
    ['load before', String(machine.loadBefore)],
  ];
}

/** @param {string[][]} table with a header */
function asText(table) {
  const widths = table[0].map((_, i) =>
    Math.max(...table.map((row) => row[i].length)),
  );
  const line = (/** @type {string[]} */ row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  const [header, ...rows] = table;
  const rule = line(widths.map((width) => '─'.repeat(width)));
  return [line(header), rule, ...rows.map(line)].join('\n');
}

/** @param {string[][]} table with a header */
function asMarkdown(table) {
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [header, ...rows] = table;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join(
    '\n',
  );
}

/** @param {number | undefined} ms */
function time(ms) {
  if (ms === undefined) return '–';
  return ms < 10_000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

/**
 * Keeps the digits that mean something.
 *
 * @param {number} value
 */
function digits(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(value < 1 ? 2 : 3);
}

/** @param {number | undefined} bytes */
function megabytes(bytes) {
  return bytes ? `${digits(bytes / 1e6)} MB` : '–';
}

/** @param {number | undefined} bytes */
function mebibytes(bytes) {
  return bytes ? `${Math.round(bytes / 2 ** 20)} MiB` : '–';
}

exports.asMarkdown = asMarkdown;
exports.asText = asText;
exports.budgetTable = budgetTable;
exports.costTable = costTable;
exports.digits = digits;
exports.machineTable = machineTable;
exports.names = names;
exports.sizeTable = sizeTable;
exports.time = time;
exports.timeTable = timeTable;
