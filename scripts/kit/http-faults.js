'use strict';

// What a proxy before Azurite (recorder.js) can do to a request.

/** @import { Exchange, Fault } from './recorder' */

/** @type {Fault} */
const pass = ({ pass }) => pass();

/**
 * Does something to the requests of one method, or of all; passes on others.
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
 * Does something to the reads of a scope's entries; passes on other requests. A
 * developer's machine, which the tests' are, reads `trusted` and `local` at once
 * and writes `local`.
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
 * Does something to the first requests of a method; passes on later ones.
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
 * Answers without asking Azurite.
 *
 * @param {number} status
 * @param {Record<string, string>} [headers]
 * @param {string} [body]
 * @returns {Fault}
 */
const answer =
  (status, headers = {}, body = '') =>
  ({ request, response, record }) => {
    record(status);
    // Before the body is there, as servers do that refuse.
    request.resume();
    response.writeHead(status, headers);
    response.end(body);
  };

/**
 * Resets the connection once the first of a request's body has come.
 *
 * @type {Fault}
 */
const cutRequest = ({ request, record }) => {
  record('cut');
  request.once('data', () => request.socket.resetAndDestroy());
  if (request.method === 'GET') request.socket.resetAndDestroy();
};

/**
 * Passes the request on, and closes the connection instead of answering.
 *
 * @type {Fault}
 */
const loseAnswer = async ({ ask, response }) => {
  const answer = await ask();
  answer.resume();
  response.destroy();
};

/** Accepts the request and never answers it. @type {Fault} */
const silence = ({ request, record }) => {
  record('silence');
  request.resume();
};

/**
 * Passes on the answer's head, and its body a byte a minute.
 *
 * @type {Fault}
 */
const drip = async ({ ask, response }) => {
  const answer = await ask();
  response.writeHead(answer.statusCode ?? 0, answer.headers);
  let sent = 0;
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const next = () => response.write(body.subarray(sent, ++sent));
  next();
  const timer = setInterval(next, 60_000);
  response.on('close', () => clearInterval(timer));
};

/**
 * Passes on the head of the answer and the first bytes of its body, and closes
 * the connection.
 *
 * @param {number} bytes
 * @param {(exchange: Exchange) => unknown} [then] before it closes
 * @returns {Fault}
 */
const cutAnswer =
  (bytes, then = () => {}) =>
  async (exchange) => {
    const { ask, response } = exchange;
    const answer = await ask();
    response.writeHead(answer.statusCode ?? 0, answer.headers);
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    response.flushHeaders();
    response.write(Buffer.concat(chunks).subarray(0, bytes));
    await then(exchange);
    setTimeout(() => response.destroy(), 50); // what was written goes first
  };

/**
 * Holds requests until `open` is called, and tells when `count` of them are
 * there.
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

exports.answer = answer;
exports.cutAnswer = cutAnswer;
exports.cutRequest = cutRequest;
exports.drip = drip;
exports.gate = gate;
exports.loseAnswer = loseAnswer;
exports.on = on;
exports.onFirst = onFirst;
exports.onReadOf = onReadOf;
exports.pass = pass;
exports.silence = silence;
