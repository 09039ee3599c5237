'use strict';

/**
 * How often a server is started for a configuration. One that could not start, or
 * that was lost, gets a second chance when Nx opens a cache again, because a later
 * run in this process may be in luck. There is no third one: a server that hangs
 * costs each run 10 s.
 */
const maxStarts = 2;

/**
 * Configurations that are remembered, some 10 KB each. A process with more of them
 * forgets the oldest, whose server lives on for the caches that it has.
 */
const maxConfigurations = 20;

/**
 * @template Server
 * @typedef {object} Started
 * @property {Promise<Server | null>} server null: the configuration has no cache
 * @property {number} starts how often it was started
 * @property {() => boolean} isOver whether its start has failed, or it was lost
 */

/**
 * The servers of this process, one for each configuration. Nx opens a cache for
 * each run of tasks, and some commands run tasks many times: `nx release publish`
 * does so for each group. All caches of a configuration share a server, which
 * lives as long as this process.
 *
 * @template {{ isLost: boolean }} Server
 */
class Servers {
  /** @type {Map<string, Started<Server>>} the oldest is first */
  #started = new Map();

  /** Whether none was started yet. */
  get isEmpty() {
    return this.#started.size === 0;
  }

  /**
   * Resolves to the server of a configuration, which is started if there is none.
   * Callers at the same time get the same one. That a configuration has no cache
   * is remembered, too.
   *
   * @param {unknown} configuration all that the server depends on
   * @param {() => Promise<Server | null>} start
   * @returns {Promise<Server | null>}
   */
  open(configuration, start) {
    const key = JSON.stringify(configuration);
    const last = this.#started.get(key);
    if (last && (!last.isOver() || last.starts === maxStarts)) {
      return last.server;
    }
    /** @type {Started<Server>} */
    const started = {
      server: start(),
      starts: (last?.starts ?? 0) + 1,
      isOver: () => false,
    };
    started.server.then(
      (server) => (started.isOver = () => server?.isLost ?? false),
      () => (started.isOver = () => true),
    );
    this.#started.set(key, started);
    const [oldest] = this.#started.keys();
    if (this.#started.size > maxConfigurations) this.#started.delete(oldest);
    return started.server;
  }
}

exports.Servers = Servers;
