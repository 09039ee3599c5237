'use strict';

// Some connections stall while others work.

const assert = require('node:assert/strict');
const { startFixture } = require('../kit/fixture');
const { on, pass } = require('../kit/http-faults');
const { fullTest } = require('../kit/tests');
const { expectedOfMany, fillCache, remoteHits } = require('./remote-hits');
const { assertUndisturbed } = require('./undisturbed');

/** @import { Fault } from '../kit/fault-proxy' */

const tasks = 60;

/** In seconds. After a fifth of it, the server requests the data on another connection too. */
const stall = 5;
const azure = { timeouts: { stall: `${stall}s` } };

/**
 * Passes on the head of a response and some bytes of its body, then sends nothing more.
 *
 * @param {number} bytes
 * @returns {Fault}
 */
const freeze =
  (bytes) =>
  async ({ ask, response }) => {
    const upstream = await ask();
    response.writeHead(upstream.statusCode ?? 0, upstream.headers);
    response.flushHeaders();
    if (bytes === 0) return;
    const chunks = [];
    for await (const chunk of upstream) chunks.push(chunk);
    response.write(Buffer.concat(chunks).subarray(0, bytes));
  };

for (const [name, bytes, least] of /** @type {const} */ ([
  ['before_the_body', 0, tasks],
  ['in_the_body', 50, tasks / 2],
])) {
  fullTest(
    `stalls_of_half_the_connections_${name}_do_not_add_up`,
    async (t) => {
      const fixture = await startFixture(t);
      const machine = await fillCache(fixture, tasks, { azure });
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
      // The stalls do not add up: together they may take one limit, next to the run itself.
      // They once took eight.
      assert.ok(seconds < 4 * stall, `${seconds} s`);
    },
  );
}
