'use strict';

// Computes the tables of docs/cost.md again.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { read } = require('./pages');

const page = read('docs/cost.md');

/**
 * Reads the table whose header begins with `title`.
 *
 * @param {string} title
 * @returns {string[][]} the cells of each row
 */
function table(title) {
  const lines = page.split('\n');
  const begin = lines.findIndex((line) => line.startsWith(`| ${title} |`));
  assert.ok(begin >= 0, `there is no table "${title}"`);
  const rest = lines.slice(begin + 2);
  return rest
    .slice(
      0,
      rest.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** @param {string} cell such as `12,000`, `$0.70`, `85%` or `127.4 GB` */
const number = (cell) => {
  const [digits] = /[\d.]+/.exec(cell.replaceAll(',', '')) ?? [];
  assert.ok(digits, `no number in "${cell}"`);
  return Number(digits) / (cell.endsWith('%') ? 100 : 1);
};

/** @param {number[]} list */
const sum = (list) => list.reduce((total, n) => total + n, 0);

/** @param {number} n */
const cents = (n) => `$${n.toFixed(2)}`;

const days = 22;
const runs = table('runs of a day');
const all = runs.slice(-1)[0];
/** @param {number} column */
const monthly = (column) => number(all[column]) * days;

describe('the team', () => {
  test('each row of runs follows from its lookups', () => {
    for (const [label, lookups, rate, reads, hits, stored] of runs.slice(
      0,
      -1,
    )) {
      const [, count, tasks] = /^(\d+) .*? (\d+) tasks/.exec(label) ?? [];
      const scopes = label.includes('on main') ? 1 : 2;
      const n = Number(count) * Number(tasks);
      assert.deepEqual(
        [lookups, reads, hits, stored].map(number),
        [n, n * scopes, n * number(rate), n - n * number(rate)].map(Math.round),
        label,
      );
    }
    for (const column of [1, 3, 4, 5]) {
      const cells = runs.slice(0, -1).map((row) => number(row[column]));
      assert.equal(number(all[column]), sum(cells));
    }
  });

  test('storage follows from what a day stores', () => {
    const [main, pullRequests, developers] = runs.map((row) => row[5]);
    const ofDay = [main, pullRequests, developers].map(number);
    const rows = table('scope');
    rows.forEach(([scope, label, total], i) => {
      const [, gigabytes] = /with ([\d.]+) GB/.exec(label) ?? [];
      const [, workdays] = /(\d+) of them/.exec(label) ?? [];
      assert.equal(Number(gigabytes) * 1000, ofDay[i], scope);
      const factor = label.includes('doubled') ? 2 : 1;
      const expected = Number(workdays) * Number(gigabytes) * factor;
      assert.equal(number(total).toFixed(1), expected.toFixed(1), scope);
    });
  });

  test('the bill follows from the prices', () => {
    const prices = table('item').map(([, price]) => price);
    const bill = page
      .split('| item | a month | price | cost |')[1]
      .split('\n\n')[0]
      .split('\n')
      .slice(2)
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const [storage, writes, reads, data] = prices;
    const stored = sum(table('scope').map(([, , total]) => number(total)));
    const download = monthly(4) / 1000;
    const ofDevelopers = (number(runs[2][4]) * days) / 1000;
    assert.deepEqual(
      bill.map(([, , amount, price]) => [number(amount), price]),
      [
        [stored, storage],
        [monthly(5) / 10_000, writes],
        [monthly(3) / 10_000, reads],
        [monthly(4) / 10_000, reads],
        [Math.max(0, ofDevelopers - 100), data],
        [download - 100, data],
      ].map(([n, price]) => [Number(Number(n).toFixed(2)), price]),
    );
    const costs = bill.map(([, , amount, price, cost]) => {
      assert.equal(cost, cents(number(amount) * number(price)));
      return number(cost);
    });
    const near = sum(costs.slice(0, 5));
    const far = sum(costs.slice(0, 4)) + costs[5];
    assert.ok(
      page.includes(
        `That is ${cents(near)} a month with CI in the region, and ${cents(far)} with CI elsewhere.`,
      ),
      `${cents(near)} ${cents(far)}`,
    );
    const rough = `$${Math.round(near)} a month with CI in the same region, and $${Math.round(far)}`;
    assert.ok(page.replaceAll('\n', ' ').includes(rough), rough);
    const retrieval = cents(download * 0.01);
    assert.ok(page.includes(retrieval), retrieval);
  });
});
