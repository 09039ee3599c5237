'use strict';

/**
 * The most starts of a server for one configuration. If it could not start or was lost, it
 * is started once more when Nx opens a cache again, because a later run in this process may
 * succeed. It is not started a third time: a server that hangs costs each run 10 s.
 */
const maxStarts = 2;

/**
 * The most configurations to remember, about 10 KB each. Beyond it, the oldest is
 * forgotten; its server continues for the caches that use it.
 */
const maxConfigurations = 20;

/**
 * @template Server
 * @typedef {object} Started
 * @property {Promise<Server | null>} server null if the configuration has no cache
 * @property {number} starts the number of starts
 * @property {() => boolean} isOver whether its start failed or it was lost
 */

/**
 * The servers of this process, one for each configuration. Nx opens a cache for each run of
 * tasks, and some commands run tasks many times, such as `nx release publish` for each
 * group. All caches with one configuration share a server, which lives as long as this
 * process.
 *
 * @template {{ isLost: boolean }} Server
 */
class Servers {
  /** @type {Map<string, Started<Server>>} the oldest is first */
  #started = new Map();

  /** Whether no server was started yet. */
  get isEmpty() {
    return this.#started.size === 0;
  }

  /**
   * Resolves to the server of a configuration, and starts it if necessary. Concurrent
   * callers get the same one. It also remembers that a configuration has no cache.
   *
   * @param {unknown} configuration everything that the server depends on
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
