'use strict';

const assert = require('node:assert/strict');
const { PassThrough } = require('node:stream');
const { describe, test } = require('node:test');
const { Conversation, frame } = require('./conversation');
const { Values } = require('./values');

const values = new Values({});
const message = { jsonrpc: '2.0', id: 1, result: 'ü€😀' };

function start() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  return { input, output, conversation: new Conversation(input, output, 200) };
}

describe('a conversation', () => {
  test('reads messages that arrive byte by byte', async () => {
    const { input, conversation } = start();
    for (const byte of Buffer.from(frame(message))) {
      input.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const got = await conversation.take(values, {
      ...message,
      result: '${any}',
    });
    assert.deepEqual(got, message);
  });

  test('reads messages that arrive together, in any order', async () => {
    const { input, conversation } = start();
    const second = { ...message, id: 2 };
    input.end(frame(message) + frame(second));
    assert.deepEqual(await conversation.take(values, second), second);
    assert.deepEqual(await conversation.take(values, message), message);
    await conversation.ended();
  });

  test('ignores unexpected progress and debug messages, and no others', async () => {
    const { input, conversation } = start();
    const log = (/** @type {string} */ level) =>
      frame({ jsonrpc: '2.0', method: 'log', params: { level } });
    const progress = frame({ jsonrpc: '2.0', method: 'progress' });
    input.end(progress + log('debug') + log('warn'));
    await assert.rejects(
      conversation.ended(),
      /^Error: unexpected messages:\n.*"warn"/,
    );
  });

  test('sends in pieces, and keeps a message back for the next write', async () => {
    const { output, conversation } = start();
    /** @type {string[]} */
    const writes = [];
    output.on('data', (data) => writes.push(String(data)));
    await conversation.send('0123456789', '~');
    await conversation.send('a', '+');
    await conversation.send('b', '');
    await conversation.send('c', '+');
    await conversation.close();
    assert.deepEqual(writes, ['0123456', '789', 'ab', 'c']);
  });
});
