'use strict';

// Measured: an interrupted restore left a folder that looked complete.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { startFixture } = require('../kit/fixture');
const { serverOf, signal } = require('../kit/processes');
const { isFull, quickTest } = require('../kit/tests');
const { assertUndisturbed } = require('./undisturbed');
const { forgetResults, outputsWithoutCache, setBuild } = require('./workspace');

/** Builds outputs that take a while to store and to restore. */
const script = `
  for (let i = 0; i < 300; i++) {
    const folder = path.join(dist, String(i % 10));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, i + '.txt'), (project + i).repeat(1000));
  }
  fs.writeFileSync(path.join(dist, 'large'), crypto.createHash('sha512').update(project).digest('hex').repeat(200_000));`;

const kills = isFull ? 100 : 4;

/** Pseudo-random numbers, the same ones each time. @param {number} seed */
function random(seed) {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
}

quickTest(`F18_killed_${kills}_times`, { timeout: 3_600_000 }, async (t) => {
  const fixture = await startFixture(t);
  const prepare = (/** @type {any} */ machine) => setBuild(machine, script);
  const outputs = await outputsWithoutCache(fixture, prepare);
  const a = fixture.machine('a');
  prepare(a);
  const next = random(18);
  let [killed, hits] = [0, 0];
  for (let i = 0; i < kills; i++) {
    // The server is killed while it stores in one run of five, else while it restores.
    if (i % 5 === 0) await fixture.empty();
    forgetResults(a);
    fs.rmSync(path.join(a.workspace, 'dist'), { recursive: true, force: true });
    const run = assertUndisturbed(a, { status: null, outputs, crashed: true });
    const pid = await serverOf(a);
    await sleep(next() * 600);
    if (signal(pid, 'SIGKILL')) killed++;
    await run;
    const { cacheStatus } = a.lastRun()['site:build'];
    if (cacheStatus === 'remote-cache-hit') hits++;

    // An undisturbed run that uses the cache removes leftovers.
    if (i % 10 === 9 || i === kills - 1) {
      forgetResults(a);
      await assertUndisturbed(a, { line: null, status: null, outputs });
    }
  }
  t.diagnostic(
    `${killed} of ${kills} servers were killed, ${hits} runs had all hits`,
  );
  assert.ok(killed > kills / 2);
});
