'use strict';

const path = require('node:path');
const { drain, emptySummary } = require('./drain');
const { fileSystem } = require('./file-error');
const { kinds, notice, withdraw } = require('./notices');
const { reasonOf } = require('./reason');
const { endAtSignals, isInterrupted } = require('./signals');

/** @import { Client, StoredParams } from './client' */
/** @import { DrainResult } from './drain' */

/**
 * What the server has said of itself: InitializeResult in rpc/doc.go.
 *
 * @typedef {object} Session
 * @property {string} mode
 * @property {string} scope who this run writes as
 * @property {string} scopeReason why
 * @property {string} location URL of the container, and prefix
 * @property {string} session name of the server's folder
 * @property {number} patience milliseconds that it may be silent
 * @property {number} drain milliseconds for which it stores after the end
 * @property {boolean} tasks whether requests must have the task
 */

/** Milliseconds that a summary may cost where nothing is left to be stored. */
const summaryLimit = 1_000;

/** Error codes of rpc/doc.go. */
const unavailable = 1;
const misconfigured = 2;
const damaged = 3;
const off = 4;
const invalidParams = -32602;
const cancelled = -32800;

const network =
  'if this persists, check the network, HTTPS_PROXY and the account';
const reportBug =
  'if it happens again, report it with a log (NX_AZURE_CACHE_LOG=debug, NX_AZURE_CACHE_LOG_FILE=PATH)';

/**
 * What each of them is about, the rank of its line, and what to do where the message
 * does not say it. A refusal explains the broken connections beside it: a server that
 * refuses a body often resets the connection. That the storage is off says more than
 * the failures before.
 *
 * @type {Map<unknown, { kind: string, rank?: number, hint?: string }>}
 */
const problems = new Map([
  [unavailable, { kind: kinds.storage, hint: network }],
  [off, { kind: kinds.storage, rank: 1, hint: network }],
  [misconfigured, { kind: kinds.storage, rank: 2 }],
  [
    damaged,
    {
      kind: kinds.entry,
      hint: 'its task ran, and the new result replaces the entry if this identity may do so',
    },
  ],
  [fileSystem, { kind: kinds.files }],
  [invalidParams, { kind: kinds.request }],
]);

/** All others are bugs. */
const bug = { kind: kinds.process, hint: reportBug };

/**
 * One run of Nx: what is on its way, what went wrong, and how it ends.
 */
class Run {
  /** The last that Nx has named; it names one. */
  cacheDirectory = '';
  /** Results that were accepted and of which nothing was told yet. */
  #waiting = 0;
  /** Requests to store a result that have no answer yet. */
  #unanswered = 0;
  /** Results that Nx removed before they were stored. */
  #evicted = 0;
  /** Why the server has ended before its time, if it has. */
  #exitReason = '';
  /** Whether something else than this process has asked it to. */
  #wasAsked = false;
  #binary;
  #env;
  #client;
  #session;
  #verbose;

  /**
   * @param {{ binary: string, env: NodeJS.ProcessEnv, client: Client, session: Session, ci: boolean }} started
   *   `env` is all that processes of the binary get
   */
  constructor({ binary, env, client, session, ci }) {
    this.#binary = binary;
    this.#env = env;
    this.#client = client;
    this.#session = session;
    this.#verbose = ci || process.env.NX_VERBOSE_LOGGING === 'true';
  }

  /** Of the line that says that the server is lost. */
  get #topic() {
    return `lost ${this.#session.session}`;
  }

  /** A request to store a result is sent. The process may exit before its answer. */
  storeSent() {
    this.#unanswered++;
  }

  /**
   * A request of `storeSent` has an answer, or will have none.
   *
   * @param {boolean} isAccepted
   */
  storeAnswered(isAccepted) {
    this.#unanswered--;
    if (isAccepted) this.#accepted();
  }

  #accepted() {
    this.#waiting++;
    // The answer and the end of the server may come in either order.
    if (this.#exitReason) this.lost(this.#exitReason, this.#wasAsked);
  }

  /**
   * Something became of a result that was accepted.
   *
   * @param {StoredParams} params
   */
  stored(params) {
    this.#waiting--;
    this.#report(params);
  }

  /** @param {StoredParams} params */
  #report({ hash, outcome, reason, code }) {
    if (outcome === 'refused') this.refused(hash, reason);
    if (outcome === 'evicted') this.#reportEvicted(this.#evicted + 1);
    // What was given up at the end is told there.
    if (outcome === 'failed' && code !== cancelled) {
      this.failed('writing to', { code, message: reason });
    }
  }

  /**
   * A result cannot be stored. Nx ignores what `store` resolves to: without a
   * line nobody would ever know.
   *
   * @param {string} hash
   * @param {string} reason
   */
  refused(hash, reason) {
    notice('not stored', `the result ${reasonOf(hash)} ${reasonOf(reason)}`);
  }

  /**
   * Nx keeps its cache below a limit and removes what was used least, also what waits
   * to be stored.
   *
   * @param {number} results
   */
  #reportEvicted(results) {
    if (!(results > this.#evicted)) return;
    this.#evicted = results;
    notice(
      'evicted',
      `${count(results, 'was', 'were')} not stored: Nx deleted their outputs from its cache first; if that cache is full, raise maxCacheSize in nx.json (default: a tenth of the disk)`,
      { rank: results },
    );
  }

  /**
   * A request failed. One line per kind of trouble.
   *
   * @param {string} doing
   * @param {any} err with the error's code of rpc/doc.go, if it has one
   */
  failed(doing, err) {
    const code = err?.code;
    const { kind, rank, hint } = { rank: 0, ...(problems.get(code) ?? bug) };
    const what =
      code === damaged
        ? 'an entry of the remote cache was rejected'
        : `${doing} the remote cache failed, the tasks run without it`;
    notice(kind, `${what}: ${reasonOf(err)}` + (hint ? ` (${hint})` : ''), {
      rank,
    });
  }

  /**
   * The server has ended before its time.
   *
   * @param {string} why
   * @param {boolean} wasAsked by something else than this process
   */
  lost(why, wasAsked) {
    this.#exitReason = why;
    this.#wasAsked = wasAsked;
    const results =
      this.#waiting > 0
        ? `; ${count(this.#waiting, 'was', 'were')} not stored`
        : '';
    const hint = wasAsked ? '' : `; ${reportBug}`;
    notice(
      kinds.process,
      `the remote cache failed, the tasks run without it: ${why}${results}${hint}`,
      { rank: Math.max(this.#waiting, 0), topic: this.#topic },
    );
  }

  /**
   * The process of Nx exits. Waits for what is not stored yet: when it is gone,
   * a machine of CI may be, too. After a signal such as that of Ctrl-C it does not
   * wait; the server goes on by itself for as long as it may. A person who leaves
   * the TUI sends no signal: that looks like any other end, and Ctrl-C ends the wait.
   */
  end() {
    if (isInterrupted()) this.#reportCancelled();
    else if (!this.#client.ended) this.#finish();
    this.#client.resume();
  }

  /**
   * A signal that reaches all processes of a run ends the server, too. That is no
   * failure.
   */
  #reportCancelled() {
    if (!this.#wasAsked) return;
    if (this.#waiting <= 0) {
      withdraw(kinds.process, this.#topic);
      return;
    }
    notice(
      kinds.process,
      `the run was cancelled: ${count(this.#waiting, 'was', 'were')} not stored`,
      { rank: Infinity },
    );
  }

  /** Whether results may be left to be stored, accepted in an answer not yet read. */
  get #isLeft() {
    return this.#waiting + this.#unanswered > 0;
  }

  #finish() {
    if (!this.#isLeft && !this.#verbose) return;
    const started = performance.now();
    const result = this.#drain();
    const waited = this.#client.waited + performance.now() - started;
    if (this.#verbose && result) {
      // Nx opens several caches in a process that runs tasks several times.
      notice(
        `summary ${this.#session.session}`,
        summaryLine(result, this.#session, waited),
      );
    }
  }

  /** @returns {DrainResult | undefined} undefined when nothing is known */
  #drain() {
    if (!this.cacheDirectory) {
      return {
        ended: 'stored',
        waiting: 0,
        summary: emptySummary,
        troubles: [],
      };
    }
    const isLeft = this.#isLeft;
    if (isLeft) endAtSignals();
    const { session, drain: drainLimit, patience } = this.#session;
    const limit = isLeft ? drainLimit : Math.min(drainLimit, summaryLimit);
    const folder = path.join(this.cacheDirectory, '.nx-azure-cache', session);
    try {
      const result = drain(this.#binary, this.#env, {
        folder,
        limit,
        silence: patience,
      });
      if (result.ended === 'unknown') {
        return this.#reportUnknown(folder, result.reason);
      }
      for (const problem of result.troubles ?? []) this.#report(problem);
      this.#reportEvicted(result.summary.evicted);
      if (isLeft) this.#reportUnstored(result);
      return isLeft || result.ended === 'stored' ? result : undefined;
    } catch (err) {
      if (!isLeft) return undefined; // only the summary is missing
      notice(
        kinds.process,
        `some results may not be stored: ${reasonOf(err)}; ${reportBug}`,
      );
      return undefined;
    }
  }

  /**
   * The server tells nothing of what is left; it goes on by itself.
   *
   * @param {string} folder
   * @param {string} [reason] why what it says is not believed
   * @returns {undefined}
   */
  #reportUnknown(folder, reason) {
    if (this.#waiting <= 0) return;
    if (reason) {
      notice(kinds.files, `some results may not be stored: ${reason}`);
      return;
    }
    notice(
      kinds.files,
      `some results may not be stored: the cache process cannot write to ${folder}; is the disk full?`,
    );
  }

  /** @param {DrainResult} result */
  #reportUnstored({ ended, waiting, processId, isLeft }) {
    const seconds = this.#session.drain / 1000;
    const left = isLeft ? `; it does not exit: kill process ${processId}` : '';
    if (ended === 'limit') {
      notice(
        'drain',
        `${count(waiting, 'was', 'were')} not stored within ${seconds} s after the run; ` +
          `to wait longer raise azure.timeouts.drain in nx.json${left}`,
      );
    } else if (ended === 'silent') {
      notice(
        'drain',
        `${count(waiting, 'was', 'were')} not stored: the cache process has stopped responding (was it suspended, or does its disk hang?)${left || ` and was ended; ${reportBug}`}`,
      );
    } else if (ended === 'interrupted') {
      notice(
        'drain',
        `${count(waiting, 'is', 'are')} still being stored, for at most ${seconds} s`,
      );
    } else if (ended === 'gone' && this.#waiting > 0) {
      notice(
        kinds.process,
        `the cache process exited before it stored its results; ${reportBug}`,
      );
    }
  }
}

/**
 * One line for logs of CI.
 *
 * @param {DrainResult} result
 * @param {Session} session
 * @param {number} waited milliseconds that Nx has waited for the cache
 */
function summaryLine({ summary, waiting }, session, waited) {
  const { mode, scope, scopeReason, location } = session;
  const { hits, misses, stored, bytesRead, bytesWritten } = summary;
  const rare = /** @type {const} */ ([
    ['existing', summary.existing],
    ['damaged', summary.damaged],
    ['skipped', summary.skipped],
    ['evicted', summary.evicted],
    ['failed', summary.failed],
    ['unfinished', waiting],
  ])
    .filter(([, n]) => n > 0)
    .map(([what, n]) => `${n} ${what}`);
  return [
    `${hits} ${hits === 1 ? 'hit' : 'hits'}`,
    `${misses} ${misses === 1 ? 'miss' : 'misses'}`,
    `${stored} stored`,
    ...rare,
    `${megabytes(bytesRead)} read`,
    `${megabytes(bytesWritten)} written`,
    `${(waited / 1000).toFixed(1)} s waited`,
    mode,
    `scope ${scope} (${scopeReason})`,
    location,
  ].join(', ');
}

/**
 * @param {number} results
 * @param {string} is the verb for one
 * @param {string} are the verb for others
 */
function count(results, is, are) {
  return results === 1 ? `1 result ${is}` : `${results} results ${are}`;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

exports.Run = Run;
