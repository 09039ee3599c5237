'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { faults } = require('./chaos/http-faults');
const { drawPlan } = require('./chaos/plan');
const { Random } = require('./chaos/random');

const able = { tmpfs: true };
const plans = Array.from({ length: 300 }, (_, i) =>
  drawPlan(`test/${i}`, able),
);

test('the same seed gives the same plan, another seed another', () => {
  assert.deepEqual(drawPlan('test/7', able), plans[7]);
  const texts = plans.map(({ seed: _, ...plan }) => JSON.stringify(plan));
  assert.equal(new Set(texts).size, texts.length);
});

test('a run can be reproduced where no small disk can be mounted', () => {
  for (const plan of plans) {
    const without = drawPlan(plan.seed, { tmpfs: false });
    const text = JSON.stringify(plan).replaceAll('"small"', '"leftovers"');
    assert.equal(JSON.stringify(without), text);
  }
});

test('every fault is drawn', () => {
  const drawn = new Set(
    plans
      .flatMap(({ rounds }) => rounds.flatMap((round) => round.faults))
      .map((fault) => (fault.on === 'process' ? fault.process : fault.kind)),
  );
  const wanted = Object.keys(faults).filter((kind) => kind !== 'none');
  const others = [
    'serve',
    'drain',
    'nx',
    'group',
    'small',
    'meddler',
    'freeze',
  ];
  for (const kind of [...wanted, ...others, 'leftovers', 'kill']) {
    assert.ok(drawn.has(kind), kind);
  }
});

test('every machine that met faults has an undisturbed round after them', () => {
  for (const { rounds } of plans) {
    for (const [i, { kind, machines }] of rounds.entries()) {
      if (kind !== 'faults') continue;
      for (const name of machines) {
        const later = rounds
          .slice(i + 1)
          .filter((round) => round.kind !== 'faults')
          .flatMap((round) => round.machines);
        assert.ok(later.includes(name), JSON.stringify(rounds));
      }
    }
    assert.equal(rounds.at(-1)?.kind, 'proof');
  }
});

test('numbers keep to their bounds, and follow from the seed', () => {
  const random = new Random('numbers');
  const drawn = Array.from({ length: 1000 }, () => random.int(3, 5));
  assert.deepEqual([...new Set(drawn)].sort(), [3, 4, 5]);
  for (let i = 0; i < 1000; i++) {
    const number = random.magnitude(10, 1000);
    assert.ok(number >= 10 && number <= 1000);
  }
  // Written down, so that seeds in bug reports stay good.
  const fork = new Random('seed').fork('part');
  assert.deepEqual(
    [fork, fork, fork].map((it) => it.int(0, 999)),
    [582, 122, 713],
  );
});
