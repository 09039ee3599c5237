'use strict';

// What a proxy before Azurite (fault-proxy.js) can do to a request and its response.

const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { gzipSync } = require('node:zlib');

/** @import { Exchange, Fault, Response } from './fault-proxy' */

/** @type {Fault} */
const pass = ({ pass }) => pass();

/**
 * Applies a fault to the requests of one method, or to all, and passes on others.
 *
 * @param {'GET' | 'PUT' | 'all'} method
 * @param {Fault} fault
 * @returns {Fault}
 */
const on = (method, fault) => (exchange) =>
  method === 'all' || exchange.method === method
    ? fault(exchange)
    : exchange.pass();

/**
 * Applies a fault to reads from one scope, and passes on other requests. The tests'
 * machines are developers' machines: they read `trusted` and `local` at once, and write `local`.
 *
 * @param {'trusted' | 'local'} scope
 * @param {Fault} fault
 * @returns {Fault}
 */
const onReadOf = (scope, fault) =>
  on('GET', (exchange) =>
    exchange.path.includes(`/v1/${scope}/`) ? fault(exchange) : exchange.pass(),
  );

/**
 * Applies a fault to the first requests of a method, and passes on later ones.
 *
 * @param {'GET' | 'PUT'} method
 * @param {Fault} fault
 * @param {number} [count]
 * @returns {Fault}
 */
const onFirst = (method, fault, count = 1) =>
  on(method, (exchange) =>
    exchange.number <= count ? fault(exchange) : exchange.pass(),
  );

/**
 * Responds without asking Azurite.
 *
 * @param {number} status
 * @param {Record<string, string>} [headers]
 * @param {string} [body]
 * @returns {Fault}
 */
const respondWith =
  (status, headers = {}, body = '') =>
  (exchange) => {
    exchange.record(status);
    // Servers that refuse a request respond before its body has arrived.
    exchange.request.resume();
    exchange.respond({ status, headers, body: Buffer.from(body) });
  };

/**
 * Resets the connection once the first bytes of a request's body have arrived.
 *
 * @type {Fault}
 */
const cutRequest = (exchange) => {
  const { request, method } = exchange;
  exchange.record('cut');
  request.once('data', () => exchange.reset());
  if (method === 'GET') exchange.reset();
};

/**
 * Reads a part of a request's body.
 *
 * @param {Exchange} exchange
 * @param {number} share from 0 to 1
 */
async function receivePart({ request }, share) {
  const wanted = Number(request.headers['content-length'] ?? 0) * share;
  let received = 0;
  while (received < wanted && !request.destroyed) {
    const chunk = request.read();
    if (chunk) received += chunk.length;
    else
      await Promise.race([once(request, 'readable'), once(request, 'close')]);
  }
}

/**
 * Passes the request on, and closes the connection instead of responding.
 *
 * @type {Fault}
 */
const loseResponse = async (exchange) => {
  await exchange.askWhole();
  exchange.response.destroy();
};

/** Accepts the request and never responds. @type {Fault} */
const silence = ({ request, record }) => {
  record('silence');
  request.resume();
};

/**
 * Passes on the head of a response, and its body in small steps.
 *
 * @param {(body: Buffer) => number} stepOf how many bytes go at once
 * @param {number} pause milliseconds in between
 * @returns {Fault}
 */
const trickle = (stepOf, pause) => async (exchange) => {
  const { response } = exchange;
  const { status, headers, body } = await exchange.askWhole();
  response.writeHead(status, headers);
  const step = stepOf(body);
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step));
    await sleep(pause, undefined, { ref: false });
  }
  response.end();
};

/** Passes on the body of a response a byte a minute. */
const drip = trickle(() => 1, 60_000);

/**
 * Passes on the head of a response, which announces the whole body, and a part of that body.
 *
 * @param {Exchange} exchange
 * @param {(body: Buffer) => number} lengthOf the length of that part
 */
async function sendPart(exchange, lengthOf) {
  const { response } = exchange;
  const { status, headers, body } = await exchange.askWhole();
  response.writeHead(status, headers);
  response.flushHeaders();
  const part = body.subarray(0, lengthOf(body));
  // Waits until it is sent, because a reset discards what is still buffered.
  if (part.length > 0) {
    await new Promise((resolve) => response.write(part, resolve));
  }
}

/**
 * Passes on the head of a response and the first bytes of its body, and closes the
 * connection.
 *
 * @param {number} bytes
 * @param {(exchange: Exchange) => unknown} [then] runs before the connection closes
 * @returns {Fault}
 */
const cutResponse =
  (bytes, then = () => {}) =>
  async (exchange) => {
    await sendPart(exchange, () => bytes);
    await then(exchange);
    setTimeout(() => exchange.response.destroy(), 50); // what was written goes first
  };

/**
 * Passes on a response after a change.
 *
 * @param {(response: Response) => Response} change
 * @returns {Fault}
 */
const changeResponse = (change) => async (exchange) =>
  exchange.respond(change(await exchange.askWhole()));

/**
 * Passes on a blob, or a part of one, after a change; other responses as they are.
 *
 * @param {(response: Response) => Response} change
 * @returns {Fault}
 */
const changeRead = (change) => async (exchange) => {
  const response = await exchange.askWhole();
  const { method } = exchange;
  const isRead = method === 'GET' && [200, 206].includes(response.status);
  exchange.respond(isRead ? change(response) : response);
};

/** Changes a response as a compressing proxy does. */
const compress = (/** @type {Response} */ { status, headers, body }) => {
  const { 'content-length': _, etag, ...rest } = headers;
  return {
    status,
    headers: { ...rest, etag: `W/${etag}`, 'content-encoding': 'gzip' },
    body: gzipSync(body),
  };
};

/**
 * A place in a body.
 *
 * @param {Buffer} body
 * @param {number} share from 0 to below 1
 */
const place = (body, share) => Math.floor(body.length * share);

/**
 * A copy with one wrong bit.
 *
 * @param {Buffer} body
 * @param {number} share where
 */
function flip(body, share) {
  const copy = Buffer.from(body);
  if (copy.length > 0) copy[place(copy, share)] ^= 0x10;
  return copy;
}

/**
 * Holds requests until `open` is called. `arrived` resolves when `count` requests wait.
 *
 * @param {number} [count]
 */
function gate(count = 1) {
  /** @type {(() => void)[]} */
  const waiting = [];
  let isOpen = false;
  let arrive = () => {};
  /** @type {Promise<void>} */
  const arrived = new Promise((resolve) => (arrive = resolve));
  return {
    arrived,
    /** @type {Fault} */
    fault({ pass }) {
      if (isOpen) return pass();
      waiting.push(pass);
      if (waiting.length === count) arrive();
    },
    open() {
      isOpen = true;
      for (const pass of waiting.splice(0)) pass();
    },
  };
}

exports.changeRead = changeRead;
exports.changeResponse = changeResponse;
exports.compress = compress;
exports.cutRequest = cutRequest;
exports.cutResponse = cutResponse;
exports.drip = drip;
exports.flip = flip;
exports.gate = gate;
exports.loseResponse = loseResponse;
exports.on = on;
exports.onFirst = onFirst;
exports.onReadOf = onReadOf;
exports.pass = pass;
exports.place = place;
exports.receivePart = receivePart;
exports.respondWith = respondWith;
exports.sendPart = sendPart;
exports.silence = silence;
exports.trickle = trickle;
