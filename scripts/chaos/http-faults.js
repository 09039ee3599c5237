'use strict';

// The faults of HTTP requests that a plan can draw, built from those of scripts/kit.

const { once } = require('node:events');
const { createHash } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const kit = require('../kit/http-faults');
const { responses, azure } = require('./responses');

/** @import { Exchange, FaultProxy } from '../kit/fault-proxy' */
/** @import { HttpFault } from './faults' */

/**
 * What a fault needs to know besides its request.
 *
 * @typedef {object} Scene
 * @property {FaultProxy} proxy
 * @property {AbortSignal} over aborted when the round is over
 */

/** @typedef {(exchange: Exchange, fault: HttpFault, scene: Scene) => unknown} DoFault */

/** @type {Record<string, DoFault>} */
const faults = {
  async status(exchange, { response }) {
    const { status, headers = {}, body = '' } = responses[response];
    await receiveAll(exchange);
    exchange.respond({ status, headers, body: Buffer.from(body) });
  },

  async delay(exchange, { milliseconds }) {
    await sleep(milliseconds);
    await exchange.pass();
  },

  // The body never stalls, and takes at most three seconds.
  slow: kit.trickle((body) => Math.max(1000, Math.ceil(body.length / 30)), 100),

  reset: (exchange) => exchange.reset(),

  async 'reset upload'(exchange, { at }) {
    await kit.receivePart(exchange, at);
    exchange.reset();
  },

  async 'reset download'(exchange, { at }) {
    await kit.sendPart(exchange, (body) => kit.place(body, at));
    exchange.reset();
  },

  async 'lost response'(exchange) {
    await exchange.askWhole();
    exchange.reset();
  },

  async refuse(_, { milliseconds }, { proxy, over }) {
    proxy.refuse();
    await sleep(milliseconds);
    if (!over.aborted) await proxy.listen();
  },

  async 'stall response'(exchange, _, scene) {
    await receiveAll(exchange);
    await stall(exchange, scene);
  },

  async 'stall download'(exchange, { at }, scene) {
    await kit.sendPart(exchange, (body) => kit.place(body, at));
    await stall(exchange, scene);
  },

  async 'stall upload'(exchange, { at }, scene) {
    await kit.receivePart(exchange, at);
    await stall(exchange, scene);
  },

  'flip download': changeBody((body, at) => kit.flip(body, at)),

  async 'cut download'(exchange, { at }) {
    await kit.sendPart(exchange, (body) => kit.place(body, at));
    exchange.response.destroy();
  },

  'short download': changeBody((body, at) =>
    body.subarray(0, kit.place(body, at)),
  ),

  'long download': changeBody((body) =>
    Buffer.concat([body, Buffer.from('and more')]),
  ),

  async 'flip upload'(exchange, { at }) {
    const body = kit.flip(await receiveAll(exchange), at);
    exchange.respond(await exchange.askWhole(body));
  },

  'no metadata': changeMetadata(() => undefined),

  'wrong metadata': changeMetadata((value) => `${value}0`),

  archived(exchange) {
    const code = archivedAs(
      exchange.path.split('?')[0].split('/').at(-1) ?? '',
    );
    const archive = () => {
      const { status, headers = {}, body = '' } = azure(409, code ?? '');
      return { status, headers, body: Buffer.from(body) };
    };
    return code ? kit.changeRead(archive)(exchange) : exchange.pass();
  },

  reencode: kit.changeRead(kit.compress),

  'no length': kit.changeRead(({ headers, ...rest }) => {
    const { 'content-length': _, ...others } = headers;
    return { ...rest, headers: others };
  }),

  async 'forget idle'(exchange, { milliseconds }, scene) {
    if (exchange.idle > milliseconds) await stall(exchange, scene);
    else await exchange.pass();
  },
};

/**
 * Returns the error code of an archived entry for half of all names, and undefined for the
 * others.
 *
 * @param {string} name
 */
function archivedAs(name) {
  const [byte] = createHash('sha256').update(name).digest();
  if (byte % 2 === 0) return undefined;
  return byte < 64 ? 'BlobBeingRehydrated' : 'BlobArchived';
}

/**
 * Reads the body of the request.
 *
 * @param {Exchange} exchange
 * @returns {Promise<Buffer>}
 */
async function receiveAll({ request }) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Sends nothing more until the round is over.
 *
 * @param {Exchange} exchange
 * @param {Scene} scene
 */
async function stall(exchange, { over }) {
  if (!over.aborted) await once(over, 'abort');
  exchange.reset();
}

/**
 * @param {(body: Buffer, at: number) => Buffer} change
 * @returns {DoFault}
 */
function changeBody(change) {
  return (exchange, { at }) =>
    kit.changeResponse(({ status, headers, body }) => {
      const changed = change(body, at);
      const length = { 'content-length': String(changed.length) };
      const { 'transfer-encoding': _, ...rest } = headers;
      return { status, headers: { ...rest, ...length }, body: changed };
    })(exchange);
}

/**
 * @param {(value: string) => string | undefined} change
 * @returns {DoFault}
 */
function changeMetadata(change) {
  return kit.changeResponse((response) => {
    const headers = { ...response.headers };
    for (const name of Object.keys(headers)) {
      if (!name.startsWith('x-ms-meta-')) continue;
      const changed = change(String(headers[name]));
      if (changed === undefined) delete headers[name];
      else headers[name] = changed;
    }
    return { ...response, headers };
  });
}

exports.archivedAs = archivedAs;
exports.faults = faults;
