'use strict';

// Faults of TCP: github.com/Shopify/toxiproxy, driven by its HTTP API.

const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { connectionString } = require('./azurite');
const { kept } = require('./kept');
const { run } = require('./run');
const { freePort, startServer } = require('./server');

/** @import { TestContext } from 'node:test' */

const version = 'v2.5.0';

/** Holds the port of its API. */
const variable = 'KIT_TOXIPROXY';

/**
 * Builds toxiproxy, unless an earlier run did, and starts it.
 *
 * @returns {Promise<NodeJS.ProcessEnv>} the variable with which tests find it
 */
async function startToxiproxy() {
  const folder = path.join(kept, `toxiproxy-${version}`);
  const command = path.join(folder, 'server');
  if (!fs.existsSync(command)) {
    console.log(`Building toxiproxy ${version} …`);
    const source = `github.com/Shopify/toxiproxy/v2/cmd/server@${version}`;
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '' };
    await run('go', ['install', source], { env });
  }
  const { port } = await startServer(
    'toxiproxy',
    (port) => ['-host', '127.0.0.1', '-port', String(port)],
    { command },
  );
  return { [variable]: String(port) };
}

/**
 * Puts a toxiproxy before a port of this machine, until the test ends.
 *
 * @param {TestContext} t
 * @param {number} port
 */
async function toxiproxyBefore(t, port) {
  const api = process.env[variable];
  if (!api) throw new Error(`${variable} is not set: run npm run test:faults`);
  const toxiproxy = new Toxiproxy(`http://127.0.0.1:${api}`);
  await toxiproxy.start(port);
  t.after(() => toxiproxy.stop());
  return toxiproxy;
}

/** A proxy before a port of this machine. */
class Toxiproxy {
  #api;
  #name = randomUUID();
  #port = 0;

  /** @param {string} api URL of toxiproxy */
  constructor(api) {
    this.#api = api;
  }

  /** @param {number} upstream port */
  async start(upstream) {
    this.#port = await freePort();
    await this.#call('POST', '/proxies', {
      name: this.#name,
      listen: `127.0.0.1:${this.#port}`,
      upstream: `127.0.0.1:${upstream}`,
    });
  }

  get connectionString() {
    return connectionString(this.#port);
  }

  /**
   * Adds a fault: https://github.com/Shopify/toxiproxy#toxics
   *
   * @param {string} type
   * @param {'upstream' | 'downstream'} stream of requests or of responses
   * @param {Record<string, number>} [attributes]
   */
  add(type, stream, attributes = {}) {
    const toxic = { type, stream, attributes };
    return this.#call('POST', `/proxies/${this.#name}/toxics`, toxic);
  }

  /** Closes all connections and refuses new ones. */
  refuse() {
    return this.#call('POST', `/proxies/${this.#name}`, { enabled: false });
  }

  stop() {
    return this.#call('DELETE', `/proxies/${this.#name}`);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #call(method, path, body) {
    // A new connection each time, because an idle one may close just as this uses it.
    const request = http.request(`${this.#api}${path}`, {
      method,
      agent: false,
    });
    request.end(body && JSON.stringify(body));
    const [response] = await once(request, 'response');
    const said = await text(response);
    if (response.statusCode >= 300) {
      throw new Error(`toxiproxy: ${method} ${path}: ${said}`);
    }
  }
}

exports.startToxiproxy = startToxiproxy;
exports.toxiproxyBefore = toxiproxyBefore;
