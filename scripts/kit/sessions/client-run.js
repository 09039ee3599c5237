'use strict';

// Runs sessions of testdata/rpc against the client: plays the server on one side of the real
// shim, and Nx on the other.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { version } = require('../../../npm/nx-azure-cache/package.json');
const {
  emptySummary,
} = require('../../../npm/nx-azure-cache/test/fake-server');
const { Conversation, frame } = require('./conversation');
const { callsOf, playNx } = require('./nx-calls');
const { makeTree } = require('./trees');
const { Values, fileContent, show } = require('./values');
const { patience } = require('../patience');

/** @import { TestContext } from 'node:test' */
/** @import { AddressInfo, Socket } from 'node:net' */
/** @import { Session, Step } from './parse' */

/** The server's session ID, which is also the name of its folder. */
const serverSession = 'session';

/** What the binary prints as `drain` when all results are stored. */
const drained = {
  ...{ ended: 'stored', waiting: 0 },
  ...{ summary: emptySummary, problems: null },
};

/**
 * The helpers of the shim's tests.
 *
 * @typedef {object} ShimTests
 * @property {(t: TestContext, script: any, options: any) => Promise<{ stderr: string }>} runAsNx
 * @property {(t: TestContext) => string} temporaryFolder
 * @property {(file: string, text: string) => void} writeExecutable
 */

/** Runs one session. */
class ClientRun {
  /** @type {Conversation} */
  #conversation = /** @type {any} */ (undefined);
  /** @type {Map<unknown, unknown>} the client's id of a request, by the session's */
  #ids = new Map();
  /** @type {Map<unknown, string>} the method of a request, by the session's id */
  #methods = new Map();
  /** @type {Map<unknown, { written: any, sent: any }>} results by the session's id */
  #results = new Map();
  #sent = 0;
  #isOver = false;

  /**
   * @param {TestContext} t
   * @param {Session} session
   * @param {ShimTests} shimTests
   */
  constructor(t, session, shimTests) {
    this.t = t;
    this.session = session;
    this.shimTests = shimTests;
    const workspaceRoot = shimTests.temporaryFolder(t);
    const cacheDirectory = path.join(workspaceRoot, '.nx', 'cache');
    fs.mkdirSync(cacheDirectory, { recursive: true });
    const account = 'https://nxcache.blob.core.windows.net';
    this.values = new Values({
      ...{ workspaceRoot, cacheDirectory, version, session: serverSession },
      otherCacheDirectory: shimTests.temporaryFolder(t),
      storage: account,
      connectionString: `BlobEndpoint=${account}`,
      noStorage: `BlobEndpoint=${account}`,
    });
    this.relay = path.join(shimTests.temporaryFolder(t), 'relay');
  }

  async run() {
    const env = this.#prepare();
    const { connected } = await this.#listen();
    const [done, report] = [`${this.relay}.done`, `${this.relay}.report`];
    const served = this.#serve(connected).finally(() =>
      fs.writeFileSync(done, ''),
    );
    served.catch(() => {}); // awaited once the client has ended
    const { calls, nxJson } = callsOf(this.session, this.values);
    const played = this.shimTests.runAsNx(this.t, playNx, {
      args: { calls, done, report },
      binary: this.relay,
      env,
      nxJson: JSON.stringify(nxJson),
      workspace: String(this.values.values.workspaceRoot),
    });
    // The side that fails first knows why.
    const { stderr } = await Promise.race([played, served.then(() => played)]);
    await served;
    await this.#conversation.ended(() => false);
    this.#checkResults(JSON.parse(fs.readFileSync(report, 'utf8')));
    this.#checkLines(stderr.split('\n').slice(0, -1));
  }

  /** Makes the files that exist at the start, and returns the environment variables. */
  #prepare() {
    /** @type {Record<string, string>} */
    const env = {};
    for (const { keyword, words, tree } of this.session.steps) {
      const [first] = words.map((word) => this.values.substitute(word));
      if (keyword === 'tree') makeTree(first, tree, this.values);
      if (keyword === 'env') {
        const [name, ...value] = first.split('=');
        env[name] = value.join('=');
      }
    }
    return env;
  }

  /** Makes the program that the client starts, and waits for its connection. */
  async #listen() {
    const server = net.createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    /** @type {Socket | undefined} */
    let socket;
    this.t.after(() => {
      socket?.destroy();
      server.close();
    });
    const { port } = /** @type {AddressInfo} */ (server.address());
    const script = path.join(__dirname, 'relay.js');
    this.shimTests.writeExecutable(
      this.relay,
      `#!/bin/sh
      if [ "$1" = drain ]; then echo '${JSON.stringify(drained)}'; exit; fi
      exec '${process.execPath}' '${script}' '${this.relay}' ${port}\n`,
    );
    const connected = once(server, 'connection').then(([connection]) => {
      socket = connection;
      return /** @type {Socket} */ (connection);
    });
    return { connected };
  }

  /** @param {Promise<Socket>} connected */
  async #serve(connected) {
    const socket = await connected;
    this.#conversation = new Conversation(socket, socket);
    this.#conversation.isWanted = (request) => this.#isWanted(request);
    this.#conversation.ignored = this.#namesSnapshots() ? [] : ['snapshot'];
    const client = fs.readFileSync(`${this.relay}.client`, 'utf8');
    this.values.values.pid = Number(client);
    for (const step of this.session.steps) {
      try {
        if (step.keyword === '<') await this.#respond(step, socket);
        if (step.keyword === '>') await this.#expect(step);
      } catch (cause) {
        const { message } = /** @type {Error} */ (cause);
        throw new Error(`${step.place}: ${message}`, { cause });
      }
    }
    await this.#arrived();
  }

  /** Whether the session mentions the snapshots of `store`. */
  #namesSnapshots() {
    return this.session.steps.some(
      ({ message }) => message?.value?.params?.snapshot !== undefined,
    );
  }

  /**
   * Whether a line expects a request. Does not compare a request with a file in full, because
   * comparing removes the file.
   *
   * @param {any} request
   */
  #isWanted(request) {
    return this.session.steps.some(({ keyword, message }) => {
      const want = message?.value;
      if (keyword !== '>' || want?.method !== request.method) return false;
      return (
        fileContent(want.params?.terminalOutputPath) !== undefined ||
        this.values.differences({ ...want, id: request.id }, request).length ===
          0
      );
    });
  }

  /** @param {Step} step */
  async #expect({ message }) {
    // The client cannot send anything to a server that has ended.
    if (this.#isOver || message.kind === 'close') return;
    const got = await this.#conversation.take(this.values, message.value);
    this.#ids.set(message.value.id, got.id);
    this.#methods.set(message.value.id, got.method);
  }

  /**
   * @param {Step} step
   * @param {Socket} socket
   */
  async #respond({ message, delivery }, socket) {
    switch (message.kind) {
      case 'raw':
        return this.#send(this.values.substitute(message.text), delivery);
      case 'json':
        return this.#send(frame(this.values.fill(message.value)), delivery);
      case 'exit':
        fs.writeFileSync(
          `${this.relay}.exit`,
          JSON.stringify({ code: message.code, stderr: message.text }),
        );
    }
    if (message.kind !== 'message') {
      this.#isOver = true;
      socket.end();
      return;
    }
    const { id } = message.value;
    const method = message.value.method ?? this.#methods.get(id);
    const defaults = this.#defaults(method);
    const filled = this.values.fill(message.value, {
      result: defaults,
      params: defaults,
    });
    if (id !== undefined) {
      const { result } = message.value;
      this.#results.set(id, { written: result, sent: filled.result });
      filled.id = this.#ids.get(id) ?? id;
    }
    return this.#send(frame(filled), delivery);
  }

  /**
   * The members that `...` adds to a response or a notification.
   *
   * @param {string} method
   */
  #defaults(method) {
    return {
      initialize: {
        ...{ serverVersion: version, enabled: true, reason: '' },
        ...{ mode: 'read-write', scope: 'local', scopeReason: 'not in CI' },
        location: `${this.values.values.storage}/nx-cache`,
        ...{ session: serverSession, idleTimeout: 91_000, drain: 60_000 },
        tasks: false,
        license: { status: 'valid', organization: 'Acme', expiresAt: '' },
      },
      retrieve: { code: 0, outputsPath: '/', size: 0, terminalOutput: '' },
      store: { queued: true, reason: '' },
      stored: { hash: '', bytes: 1, outcome: 'stored', reason: '' },
      log: { level: 'debug', message: '' },
    }[method];
  }

  /**
   * @param {string} text
   * @param {string} delivery
   */
  async #send(text, delivery) {
    this.#sent += Buffer.byteLength(text);
    await this.#conversation.send(text, delivery);
  }

  /** Waits until the relay has written everything that was sent. */
  async #arrived() {
    const written = () =>
      fs.existsSync(`${this.relay}.written`)
        ? Number(fs.readFileSync(`${this.relay}.written`, 'utf8'))
        : 0;
    for (let waited = 0; !this.#isOver && written() < this.#sent; waited += 5) {
      if (waited > patience) throw new Error('the client does not read');
      await sleep(5);
    }
  }

  /** @param {Record<string, any>} report what Nx received, by the id of the request */
  #checkResults(report) {
    for (const { keyword, message, place } of this.session.steps) {
      if (keyword !== '>' || message.kind === 'close') continue;
      const { id, method } = message.value;
      const want = this.#wantedResult(id, method);
      const wrong = this.values.differences(want, report[id], `nx ${id}`);
      assert.equal(wrong.length, 0, `${place}: ${wrong.join('\n')}`);
    }
  }

  /**
   * The result that Nx must receive from a call.
   *
   * @param {string | number} id
   * @param {string} method
   */
  #wantedResult(id, method) {
    const line = this.session.steps.find(
      ({ keyword, words }) => keyword === 'nx' && words[0] === String(id),
    );
    if (line) return line.value;
    const { written, sent } = this.#results.get(id) ?? {};
    if (method === 'initialize') return sent?.enabled ? 'on' : 'off';
    if (method === 'store') return sent?.queued ?? false;
    if (!sent) return null;
    const { code, outputsPath, size, terminalOutput } = sent;
    return {
      ...{ code, outputsPath, size },
      terminalOutput: fileContent(written.terminalOutputPath) ?? terminalOutput,
    };
  }

  /** @param {string[]} lines */
  #checkLines(lines) {
    const { file, steps } = this.session;
    const wanted = steps.filter(({ keyword }) => keyword === 'nx says');
    const others = [...lines];
    for (const { value, place } of wanted) {
      const i = others.findIndex(
        (line) => this.values.differences(value, line).length === 0,
      );
      assert.ok(
        i >= 0,
        `${place}: want the line ${show(value)}, got ${show(others)}`,
      );
      others.splice(i, 1);
    }
    assert.deepEqual(others, [], `${file}: unexpected lines`);
  }
}

/**
 * Runs a session against the client. Rejects where it fails.
 *
 * @param {TestContext} t
 * @param {Session} session
 * @param {ShimTests} shimTests
 */
async function runAgainstClient(t, session, shimTests) {
  await new ClientRun(t, session, shimTests).run();
}

exports.runAgainstClient = runAgainstClient;
