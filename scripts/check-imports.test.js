'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const { cycles } = require('./check-imports');
const { allowed } = require('./imports');

test('a table without a cycle is fine', () => {
  const table = { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] };
  assert.deepStrictEqual(cycles(table), []);
});

test('each cycle is reported', () => {
  const table = { a: ['b'], b: ['c'], c: ['d', 'b'], d: ['d'] };
  assert.deepStrictEqual(cycles(table), [
    'the table allows a cycle: d → d',
    'the table allows a cycle: b → c → b',
  ]);
});

test('the rooms of the command are in no cycle, and an import upwards would make one', () => {
  const room = 'cmd/nx-azure-cache/internal';
  assert.deepStrictEqual(cycles(allowed), []);
  const upwards = {
    ...allowed,
    [`${room}/config`]: [...allowed[`${room}/config`], `${room}/doctor`],
  };
  assert.deepStrictEqual(cycles(upwards), [
    `the table allows a cycle: ${room}/config → ${room}/doctor → ${room}/config`,
  ]);
});

test('no room imports the command', () => {
  for (const [name, imports] of Object.entries(allowed)) {
    assert.ok(!imports.includes('cmd/nx-azure-cache'), name);
  }
});
