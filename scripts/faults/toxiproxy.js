'use strict';

// Faults of TCP: github.com/Shopify/toxiproxy, driven by its HTTP API.

const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { connectionString } = require('../kit/azurite');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { freePort, startServer } = require('../kit/server');

const version = 'v2.5.0';

/** Builds it, unless it is there, and starts it. */
async function startToxiproxy() {
  const folder = path.join(
    ...[root, 'node_modules', '.cache', 'nx-azure-cache'],
    `toxiproxy-${version}`,
  );
  const command = path.join(folder, 'server');
  if (!fs.existsSync(command)) {
    console.log(`Building toxiproxy ${version} …`);
    const source = `github.com/Shopify/toxiproxy/v2/cmd/server@${version}`;
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '' };
    await run('go', ['install', source], { env });
  }
  return startServer(
    'toxiproxy',
    (port) => ['-host', '127.0.0.1', '-port', String(port)],
    { command },
  );
}

/**
 * A proxy of toxiproxy's before a port of this machine.
 */
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
   * @param {'upstream' | 'downstream'} stream of requests or of answers
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
    // A connection each: one that is kept may be closed just when it is used.
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

exports.Toxiproxy = Toxiproxy;
exports.startToxiproxy = startToxiproxy;
