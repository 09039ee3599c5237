'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { show } = require('./values');
const { patience } = require('../patience');

/** @import { Readable, Writable } from 'node:stream' */
/** @import { Values } from './values' */

/**
 * One end of the protocol, played by a session. It sends messages, and keeps those from the
 * other end until a line takes them.
 */
class Conversation {
  /** @type {any[]} */
  #pool = [];
  #input = Buffer.alloc(0);
  /** @type {string | undefined} 'end' after a clean end, otherwise the problem */
  #ended;
  #kept = '';
  #changed = () => {};
  /** @type {string[]} params that are ignored */
  ignored = [];

  /**
   * Whether some line expects a request. An unexpected one ends the wait for another.
   *
   * @type {(message: any) => boolean}
   */
  isWanted = () => true;

  /**
   * @param {Readable} input from the other end
   * @param {Writable} output to the other end
   * @param {number} [limit] milliseconds to wait for what must arrive
   */
  constructor(input, output, limit = patience) {
    this.output = output;
    this.limit = limit;
    output.on('error', () => {}); // the other end has exited, as the session may expect
    input.on('data', (data) => {
      this.#input = Buffer.concat([this.#input, data]);
      this.#read();
      this.#changed();
    });
    const end = () => {
      this.#ended ??=
        this.#input.length === 0
          ? 'end'
          : `it ended within a message: ${show(this.#input.toString())}`;
      this.#changed();
    };
    input.on('end', end);
    input.on('error', end);
  }

  /** Reads exactly what rpc/doc.go says. */
  #read() {
    while (this.#ended === undefined) {
      const line = this.#input.indexOf('\n');
      if (line < 0 || this.#input.length < line + 3) return;
      const head = this.#input.toString('latin1', 0, line + 3);
      const header = /^Content-Length: (\d+)\r\n\r\n$/.exec(head);
      const end = line + 3 + Number(header?.[1]);
      if (header && this.#input.length < end) return;
      try {
        if (!header) throw new Error('not a Content-Length header');
        const text = this.#input.toString('utf8', line + 3, end);
        this.#pool.push(this.#parse(text));
      } catch (err) {
        this.#ended = `${err}: ${show(this.#input.toString())}`;
      }
      this.#input = this.#input.subarray(end);
    }
  }

  /** @param {string} text of a message */
  #parse(text) {
    const message = JSON.parse(text);
    for (const name of this.ignored) delete message?.params?.[name];
    return message;
  }

  /**
   * Sends the text of a line, in the way that its arrow says.
   *
   * @param {string} text
   * @param {string} delivery '', '+' or '~'
   */
  async send(text, delivery) {
    const data = Buffer.from(this.#kept + text);
    this.#kept = delivery === '+' ? this.#kept + text : '';
    if (delivery === '+') return;
    const size = delivery === '~' ? 7 : data.length;
    for (let i = 0; i < data.length; i += size) {
      await this.#write(data.subarray(i, i + size));
    }
  }

  /**
   * Writes, and waits until the data has left this process.
   *
   * @param {Buffer} data
   */
  async #write(data) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      const error = new Error('the other end does not read');
      timer = setTimeout(reject, this.limit, error);
    });
    const written = new Promise((resolve) => this.output.write(data, resolve));
    await Promise.race([written, late]).finally(() => clearTimeout(timer));
  }

  /**
   * Waits for an expected message, and takes it.
   *
   * @param {Values} values
   * @param {any} want
   */
  async take(values, want) {
    let found;
    await this.#until(
      () => (found = this.#find(values, want)) !== undefined,
      () => `the message did not arrive:\n  ${show(want)}${this.#others()}`,
    );
    return /** @type {any} */ (found);
  }

  /**
   * Looks for a message. A different response to the id ends the search, and so does the end of
   * the stream.
   *
   * @param {Values} values
   * @param {any} want
   */
  #find(values, want) {
    for (const [i, got] of this.#pool.entries()) {
      if (got.method !== want.method || !('id' in want) !== !('id' in got)) {
        continue;
      }
      // The client chooses the ids of its requests.
      const isRequest = want.method !== undefined && 'id' in want;
      if (!isRequest && got.id !== want.id) continue;
      const wrong = values.differences(
        isRequest ? { ...want, id: got.id } : want,
        got,
      );
      if (wrong.length === 0) return this.#pool.splice(i, 1)[0];
      if (isRequest ? !this.isWanted(got) : 'id' in want) {
        throw new Error(
          `the ${isRequest ? 'request' : 'response'} is different:\n  ${wrong.join('\n  ')}\ngot\n  ${show(got)}`,
        );
      }
    }
    if (this.#ended !== undefined) {
      throw new Error(
        `the stream ended (${this.#ended}) before this message:\n  ${show(want)}${this.#others()}`,
      );
    }
    return undefined;
  }

  #others() {
    if (this.#pool.length === 0) return '\nand no other message did';
    return `\ngot${this.#pool.map((message) => `\n  ${show(message)}`).join('')}`;
  }

  /** Sends the text that was kept back, and ends the stream to the other end. */
  async close() {
    await this.send('', '');
    this.output.end();
  }

  /**
   * Waits for the end of the stream. Fails if a message arrived that no line has taken.
   *
   * @param {(message: any) => boolean} [isIgnored]
   */
  async ended(isIgnored = isOptional) {
    await this.#until(
      () => this.#ended !== undefined,
      () => 'the stream did not end',
    );
    if (this.#ended !== 'end') throw new Error(this.#ended);
    const unwanted = this.#pool.filter((message) => !isIgnored(message));
    if (unwanted.length > 0) {
      const shown = unwanted.map((message) => `\n  ${show(message)}`);
      throw new Error(`unexpected messages:${shown.join('')}`);
    }
  }

  /**
   * @param {() => boolean} isDone
   * @param {() => string} complaint
   */
  async #until(isDone, complaint) {
    const abort = new AbortController();
    const timeout = sleep(this.limit, 'timeout', {
      signal: abort.signal,
    }).catch(() => {});
    try {
      for (;;) {
        const changed = new Promise((resolve) => {
          this.#changed = () => resolve('changed');
        });
        if (isDone()) return;
        if ((await Promise.race([changed, timeout])) === 'timeout') {
          throw new Error(complaint());
        }
      }
    } finally {
      abort.abort();
    }
  }
}

/**
 * Whether a session need not mention a message of a server.
 *
 * @param {any} message
 */
function isOptional({ method, params }) {
  return (
    method === 'progress' || (method === 'log' && params?.level === 'debug')
  );
}

/**
 * @param {unknown} message
 */
function frame(message) {
  const body = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

exports.Conversation = Conversation;
exports.frame = frame;
