'use strict';

// Some connections stall while others work.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { on, pass } = require('../kit/http-faults');
const { fullTest } = require('../kit/tests');
const { expectedOfMany, filled, remoteHits } = require('./remote-hits');
const { assertUndisturbed } = require('./undisturbed');

/** @import { Fault } from '../kit/fault-proxy' */

const tasks = 60;

/** Seconds; what stalls is asked for elsewhere after a fifth of it. */
const stall = 5;
const azure = { timeouts: { stall: `${stall}s` } };

/**
 * Passes on the head of a response and some bytes of its body, and then nothing.
 *
 * @param {number} bytes
 * @returns {Fault}
 */
const freeze =
  (bytes) =>
  async ({ ask, response }) => {
    const answer = await ask();
    response.writeHead(answer.statusCode ?? 0, answer.headers);
    response.flushHeaders();
    if (bytes === 0) return;
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    response.write(Buffer.concat(chunks).subarray(0, bytes));
  };

for (const [name, bytes, least] of /** @type {const} */ ([
  ['before_the_body', 0, tasks],
  ['in_the_body', 50, tasks / 2],
])) {
  fullTest(
    `stalls_of_half_of_the_connections_${name}_do_not_add_up`,
    async (t) => {
      const fixture = await startFixture(t);
      const machine = await filled(fixture, tasks, { azure });
      const started = new Set();
      let frozen = 0;
      fixture.recorder.fault = on('GET', (exchange) => {
        const isFirst = !started.has(exchange.path);
        started.add(exchange.path);
        if (!isFirst || started.size % 2 === 0) return pass(exchange);
        frozen++;
        return freeze(bytes)(exchange);
      });
      const before = performance.now();
      await assertUndisturbed(machine, {
        ...expectedOfMany(tasks, bytes === 0 ? null : /./),
        ...(bytes > 0 && { line: undefined }),
      });
      const seconds = (performance.now() - before) / 1000;
      const hits = remoteHits(machine);
      t.diagnostic(`${frozen} frozen, ${hits} hits, ${seconds.toFixed(1)} s`);
      assert.ok(hits >= least, `${hits} hits`);
      // One limit for all of them, and what the run itself takes: it was 8 limits.
      assert.ok(seconds < 4 * stall, `${seconds} s`);
    },
  );
}
