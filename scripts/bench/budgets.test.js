'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { budgets, classify } = require('./budgets');
const { sets } = require('./rows');

/** @import { Results, Sizes } from './budgets' */

/** @type {Sizes} */
const sizes = {
  packages: {
    a: { binary: 12e6, download: 4e6 },
    b: { binary: 13.1e6, download: 5e6 },
  },
  stored: { W1: { input: 100, tar: 120, gzip: 50, ours: 40 } },
};

/**
 * @param {Record<string, Record<string, number>>} times by row and contender
 * @param {object} [more] our other figures
 */
function resultsOf(times, more) {
  return /** @type {Results} */ (
    Object.fromEntries(
      Object.entries(times).map(([id, row]) => [
        id,
        {
          title: id,
          results: Object.fromEntries(
            Object.entries(row).map(([name, ms]) => [
              name,
              { ms, rounds: [ms], ...(name === 'ours' && more) },
            ]),
          ),
        },
      ]),
    )
  );
}

/**
 * @param {Results} results
 * @param {RegExp} what
 */
function verdict(results, what) {
  const found = classify(results, sizes).filter((verdict) =>
    what.test(verdict.what),
  );
  assert.equal(found.length, 1, String(what));
  const { target, measured, verdict } = found[0];
  return `${measured} ${target}: ${verdict}`;
}

test('a value equal to its bound meets it', () => {
  const atBound = resultsOf({ initialize: { ours: 15 } });
  assert.equal(verdict(atBound, /initialize/), '15.0 ms ≤ 15 ms: met');
  const above = resultsOf({ initialize: { ours: 15.1 } });
  assert.equal(verdict(above, /initialize/), '15.1 ms ≤ 15 ms: missed');
});

test("a speed-up over Nx is Nx's time divided by ours", () => {
  const what = /^store 2,000 files/;
  const fast = resultsOf({ 'store W1': { ours: 100, nx: 400 } });
  assert.equal(verdict(fast, what), '4.00× ≥ 4×: met');
  const slow = resultsOf({ 'store W1': { ours: 400, nx: 100 } });
  assert.equal(verdict(slow, what), '0.25× ≥ 4×: missed');
});

test("a ratio to a limit is our time divided by the limit's", () => {
  const near = resultsOf({ 'retrieve W1': { ours: 130, 'cp -r': 100 } });
  assert.equal(verdict(near, /cp -r/), '1.30× ≤ 1.3×: met');
  const far = resultsOf({ 'retrieve W1': { ours: 150, 'cp -r': 100 } });
  assert.equal(verdict(far, /cp -r/), '1.50× ≤ 1.3×: missed');
});

test('a record is compared round by round, and costs one request', () => {
  const results = resultsOf({
    'run records account': { records: 0, 'no records': 0 },
  });
  const row = results['run records account'].results;
  // The machine was slow in the second round, and in a part of the third.
  Object.assign(row.records ?? {}, { rounds: [101, 303, 400], requests: 301 });
  Object.assign(row['no records'] ?? {}, {
    rounds: [100, 300, 100],
    requests: 300,
  });
  const inCI = /^whole run in CI, with its record/;
  assert.equal(verdict(results, inCI), '1.01× ≤ 1.01×: met');
  assert.equal(verdict(results, /^requests for the record/), '1.00 ≤ 1: met');
  Object.assign(row.records ?? {}, { rounds: [102, 306, 400], requests: 302 });
  assert.equal(verdict(results, inCI), '1.02× ≤ 1.01×: missed');
  assert.equal(
    verdict(results, /^requests for the record/),
    '2.00 ≤ 1: missed',
  );
});

test('one row above the memory bound misses it', () => {
  const rows = { 'store W1': { ours: 1 }, 'store W5': { ours: 1 } };
  const results = resultsOf(rows, { rssChild: 2 ** 20 });
  Object.assign(results['store W5'].results.ours ?? {}, {
    rssChild: 97 * 2 ** 20,
  });
  assert.equal(verdict(results, /peak memory/), '97.0 MiB ≤ 96 MiB: missed');
});

test('the largest package counts', () => {
  assert.equal(verdict({}, /^binary/), '13.1 MB ≤ 13 MB: missed');
  assert.equal(verdict({}, /download/), '5.00 MB ≤ 5 MB: met');
});

test('stored bytes are compared with those of gzip', () => {
  assert.equal(verdict({}, /gzip/), '0.80× ≤ 0.8×: met');
});

test('a budget without a measurement has no verdict', () => {
  const whats = classify({}, sizes).map(({ what }) => what);
  assert.ok(!whats.some((what) => /whole run|latency|cp -r/.test(what)));
});

test('a full run measures every budget', () => {
  const times = {
    ...{ ours: 1, 'two scopes': 1, nx: 1, local: 1 },
    ...{ 'local hits': 1, 'local records': 1, records: 1, 'no records': 1 },
  };
  const limits = { 'cp -r': 1, write: 1, 'raw GET': 1 };
  const full = resultsOf(
    Object.fromEntries([
      ...sets.full.map(({ id }) => [id, { ...times, ...limits }]),
      ...['W0', 'W1', 'W2', 'W5'].map((name) => [`wait ${name}`, times]),
    ]),
    { rssChild: 1 },
  );
  const { results } = full['run records account'];
  Object.assign(results.records ?? {}, { requests: 1 });
  const stored = { input: 1, tar: 1, gzip: 1, ours: 1 };
  const all = { W1: stored, W3: stored, W5: stored };
  const judged = classify(full, { ...sizes, stored: all }).map(
    ({ what }) => what,
  );
  const unjudged = budgets
    .map(({ what }) => what)
    .filter((what) => !judged.includes(what));
  // The smaller file of a quick run.
  const isQuick = (/** @type {string} */ what) => /\b40 MB/.test(what);
  assert.deepEqual(unjudged, unjudged.filter(isQuick));
});
