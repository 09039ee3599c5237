'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { chart } = require('./chart');

/**
 * @param {string} title
 * @param {Record<string, number>} times by contender
 */
const row = (title, times) => ({
  title,
  results: Object.fromEntries(
    Object.entries(times).map(([name, ms]) => [name, { ms, rounds: [ms] }]),
  ),
});

/**
 * The start and the end of each bar of a kind.
 *
 * @param {string} svg
 * @param {string} kind
 */
function bars(svg, kind) {
  const pattern = new RegExp(
    `<rect class="${kind}" x="([\\d.]+)" y="(\\d+)" width="([\\d.]+)"`,
    'g',
  );
  return [...svg.matchAll(pattern)]
    .filter(([, , y]) => Number(y) > 90) // not the legend's
    .map(([, x, , width]) => [Number(x), Number(x) + Number(width)]);
}

const svg = chart(
  [
    row('faster', { ours: 50, nx: 100, plain: 200 }),
    row('slower & <worse>', { ours: 200, nx: 100 }),
    row('without Nx', { ours: 5 }),
  ],
  'a machine',
);

test('bars of faster and of slower rows touch the line at 1×', () => {
  const oneLine = Number(/<line class="one" x1="([\d.]+)"/.exec(svg)?.[1]);
  const [[from, to]] = bars(svg, 'ours');
  const [[slowFrom, slowTo]] = bars(svg, 'slower');
  assert.equal(from, oneLine);
  assert.ok(Math.abs(slowTo - oneLine) < 0.2);
  // Twice as fast is as far from 1 as half as fast.
  assert.ok(Math.abs(to - oneLine - (oneLine - slowFrom)) < 0.2, svg);
  const [[plainFrom]] = bars(svg, 'plain');
  assert.ok(Math.abs(plainFrom - slowFrom) < 0.2);
});

test("the chart shows every row with Nx's client, with its times", () => {
  assert.equal(bars(svg, '(?:ours|slower)').length, 2);
  for (const part of ['2.00×', '0.50×', '50.0 ms / 100 ms', 'a machine']) {
    assert.ok(svg.includes(part), part);
  }
  assert.ok(!svg.includes('without Nx'));
});

test('the SVG stands alone, escapes text and has colors for the dark', () => {
  assert.ok(svg.includes('slower &amp; &lt;worse&gt;'));
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(svg, /@media \(prefers-color-scheme: dark\)/);
});
