'use strict';

const { pipeline } = require('node:stream/promises');
const { setTimeout: sleep } = require('node:timers/promises');
const { once } = require('node:events');
const { createHash } = require('node:crypto');
const { gzipSync } = require('node:zlib');
const { answers, azure } = require('./answers');

/** @import { Answer, Exchange } from './proxy' */
/** @import { HttpFault } from './faults' */

/** @typedef {(exchange: Exchange, fault: HttpFault) => Promise<void>} DoFault */

/** @type {Record<string, DoFault>} */
const faults = {
  none: passOn,

  async status(exchange, { answer }) {
    const { status, headers = {}, body = '' } = answers[answer];
    await exchange.body();
    exchange.answer({ status, headers, body: Buffer.from(body) });
  },

  async delay(exchange, { milliseconds }) {
    await sleep(milliseconds);
    await passOn(exchange);
  },

  async slow(exchange) {
    const { status, headers, body } = await exchange.ask(await exchange.body());
    exchange.response.writeHead(status, headers);
    // It moves all the time, and takes at most three seconds.
    const step = Math.max(1000, Math.ceil(body.length / 30));
    for (let at = 0; at < body.length; at += step) {
      exchange.response.write(body.subarray(at, at + step));
      await sleep(100);
    }
    exchange.response.end();
  },

  async reset(exchange) {
    exchange.reset();
  },

  async 'reset upload'(exchange, { at }) {
    await receive(exchange, at);
    exchange.reset();
  },

  async 'reset download'(exchange, { at }) {
    await sendPart(exchange, at);
    exchange.reset();
  },

  async 'lost answer'(exchange) {
    await exchange.ask(await exchange.body());
    exchange.reset();
  },

  async refuse({ proxy, round }, { milliseconds }) {
    proxy.refuse();
    await sleep(milliseconds);
    if (!round.aborted) await proxy.listen();
  },

  async 'stall answer'(exchange) {
    await exchange.body();
    await exchange.stall();
  },

  async 'stall download'(exchange, { at }) {
    await sendPart(exchange, at);
    await exchange.stall();
  },

  async 'stall upload'(exchange, { at }) {
    await receive(exchange, at);
    await exchange.stall();
  },

  'flip download': changeDownload((body, at) => flip(body, at)),

  async 'cut download'(exchange, { at }) {
    await sendPart(exchange, at);
    exchange.response.destroy();
  },

  'short download': changeDownload((body, at) =>
    body.subarray(0, place(body, at)),
  ),

  'long download': changeDownload((body) =>
    Buffer.concat([body, Buffer.from('and more')]),
  ),

  async 'flip upload'(exchange, { at }) {
    exchange.answer(await exchange.ask(flip(await exchange.body(), at)));
  },

  'no metadata': changeMetadata(() => undefined),

  'wrong metadata': changeMetadata((value) => `${value}0`),

  async archived(exchange) {
    const answer = await exchange.ask(await exchange.body());
    const { url = '' } = exchange.request;
    const code = archivedAs(url.split('?')[0].split('/').at(-1) ?? '');
    if (!code || !isRead(exchange, answer)) return exchange.answer(answer);
    const { status, headers = {}, body = '' } = azure(409, code);
    exchange.answer({ status, headers, body: Buffer.from(body) });
  },

  reencode: transform(({ 'content-length': _, etag, ...rest }, body) => ({
    headers: { ...rest, etag: `W/${etag}`, 'content-encoding': 'gzip' },
    body: gzipSync(body),
  })),

  'no length': transform(({ 'content-length': _, ...rest }, body) => ({
    headers: rest,
    body,
  })),

  async 'forget idle'(exchange, { milliseconds }) {
    if (exchange.idle > milliseconds) await exchange.stall();
    else await passOn(exchange);
  },
};

/**
 * The error with which an entry is refused that a rule has archived, for half of all
 * names.
 *
 * @param {string} name
 */
function archivedAs(name) {
  const [byte] = createHash('sha256').update(name).digest();
  if (byte % 2 === 0) return undefined;
  return byte < 64 ? 'BlobBeingRehydrated' : 'BlobArchived';
}

/**
 * What a proxy makes of the answer to a read.
 *
 * @param {(headers: Exchange['request']['headers'], body: Buffer) => Pick<Answer, 'headers' | 'body'>} change
 * @returns {DoFault}
 */
function transform(change) {
  return async (exchange) => {
    const answer = await exchange.ask(await exchange.body());
    const { headers, body } = answer;
    exchange.answer(
      isRead(exchange, answer)
        ? { ...answer, ...change(headers, body) }
        : answer,
    );
  };
}

/**
 * Whether an answer is a blob, or a part of one.
 *
 * @param {Exchange} exchange
 * @param {Answer} answer
 */
function isRead({ request }, { status }) {
  return request.method === 'GET' && (status === 200 || status === 206);
}

/** @type {(exchange: Exchange) => Promise<void>} */
async function passOn(exchange) {
  const { request, response } = exchange;
  const passedOn = exchange.open();
  const answered = once(passedOn, 'response');
  answered.catch(() => {}); // the pipeline fails, too
  await pipeline(request, passedOn);
  const [answer] = await answered;
  response.writeHead(answer.statusCode, answer.headers);
  await pipeline(answer, response);
}

/**
 * Takes a part of the request's body.
 *
 * @param {Exchange} exchange
 * @param {number} at
 */
async function receive({ request }, at) {
  const wanted = Number(request.headers['content-length'] ?? 0) * at;
  let received = 0;
  while (received < wanted && !request.destroyed) {
    const chunk = request.read();
    if (chunk) received += chunk.length;
    else
      await Promise.race([once(request, 'readable'), once(request, 'close')]);
  }
}

/**
 * Sends a part of the answer, which says that it is whole.
 *
 * @param {Exchange} exchange
 * @param {number} at
 */
async function sendPart(exchange, at) {
  const { status, headers, body } = await exchange.ask(await exchange.body());
  const { response } = exchange;
  response.writeHead(status, headers);
  response.flushHeaders();
  const part = body.subarray(0, place(body, at));
  // Until it is on its way: a reset throws away what waits.
  if (part.length > 0) {
    await new Promise((resolve) => response.write(part, resolve));
  }
}

/**
 * @param {(body: Buffer, at: number) => Buffer} change
 * @returns {DoFault}
 */
function changeDownload(change) {
  return async (exchange, { at }) => {
    const { status, headers, body } = await exchange.ask(await exchange.body());
    const changed = change(body, at);
    const length = { 'content-length': String(changed.length) };
    const { 'transfer-encoding': _, ...rest } = headers;
    exchange.answer({ status, headers: { ...rest, ...length }, body: changed });
  };
}

/**
 * @param {(value: string) => string | undefined} change
 * @returns {DoFault}
 */
function changeMetadata(change) {
  return async (exchange) => {
    const answer = await exchange.ask(await exchange.body());
    const headers = { ...answer.headers };
    for (const name of Object.keys(headers)) {
      if (!name.startsWith('x-ms-meta-')) continue;
      const changed = change(String(headers[name]));
      if (changed === undefined) delete headers[name];
      else headers[name] = changed;
    }
    exchange.answer({ ...answer, headers });
  };
}

/**
 * @param {Buffer} body
 * @param {number} at
 */
const place = (body, at) => Math.floor(body.length * at);

/**
 * A copy in which one bit is wrong.
 *
 * @param {Buffer} body
 * @param {number} at
 */
function flip(body, at) {
  const copy = Buffer.from(body);
  if (copy.length > 0) copy[place(copy, at)] ^= 0x10;
  return copy;
}

exports.archivedAs = archivedAs;
exports.faults = faults;
exports.flip = flip;
exports.place = place;
