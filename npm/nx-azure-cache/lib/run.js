'use strict';

const { codeOf, diagnostics } = require('./diagnostics');
const { Differences } = require('./differences');
const { drain, emptySummary } = require('./drain');
const { uploadJobSummary } = require('./job-summary');
const { kinds, notice, report, withdraw } = require('./notices');
const { ownFolder } = require('./own-file');
const { cancelled, problemOf, reportBug } = require('./problems');
const { reasonOf } = require('./reason');
const { endAtSignals, isInterrupted } = require('./signals');
const { summaryLine } = require('./summary-line');

/** @import { Client, StoredParams } from './client' */
/** @import { DrainResult } from './drain' */

/**
 * The server's response to `initialize`: InitializeResult in rpc/doc.go.
 *
 * @typedef {object} Session
 * @property {string} mode
 * @property {string} scope the scope that this run writes
 * @property {string} scopeReason why it is this scope
 * @property {string} location the container's URL, with the prefix
 * @property {string} session the name of the server's folder
 * @property {number} idleTimeout milliseconds for which the server may be silent
 * @property {number} drain milliseconds for which the server stores after the end of the run
 * @property {boolean} [backfill] whether the server stores local hits that it lacks
 * @property {boolean} [records] whether the server makes a record of the run
 * @property {boolean} [recordAwaited] whether this process should wait for the record
 * @property {boolean} tasks whether requests must name the task
 * @property {string} [diagnostic] the code of the reason why the cache is off
 */

/** The most milliseconds to wait for a summary if no result waits to be stored. */
const summaryLimit = 1_000;

/**
 * What the server knows about the end of the run.
 *
 * @typedef {object} HandedOver
 * @property {string} cacheDirectory
 * @property {boolean} isAwaited whether this process waits for the server's record
 */

/**
 * One run of Nx: its pending requests, its problems, and its end.
 */
class Run {
  /** The cache directory that Nx named last. Nx has only one. */
  cacheDirectory = '';
  /** Accepted results whose outcome is not known yet. */
  #waiting = 0;
  /** Requests to store a result that have no response yet. */
  #unanswered = 0;
  /** Results that Nx deleted before they were stored. */
  #evicted = 0;
  #differences = new Differences();
  /** Why the server exited too early, if it did. */
  #exitReason = '';
  /** Whether something outside this process asked it to exit. */
  #wasAsked = false;
  #binary;
  #env;
  #client;
  #session;
  #localHits;
  #showsSummary;
  #readOnlyBy;
  /** Results that are not stored because the run is read-only. */
  #unstored = 0;

  /**
   * @param {object} started
   * @param {string} started.binary
   * @param {NodeJS.ProcessEnv} started.env the whole environment of the binary
   * @param {Client} started.client
   * @param {Session} started.session
   * @param {{ count: number }} started.localHits
   * @param {boolean} started.showsSummary
   * @param {string} started.readOnlyBy see summaryLine
   */
  constructor({ binary, env, client, session, localHits, ...started }) {
    this.#binary = binary;
    this.#env = env;
    this.#client = client;
    this.#session = session;
    this.#localHits = localHits;
    this.#showsSummary = started.showsSummary;
    this.#readOnlyBy = started.readOnlyBy;
  }

  /** The topic of the line that says that the server is lost. */
  get #topic() {
    return `lost ${this.#session.session}`;
  }

  /** A successful result is not stored, because the run is read-only. */
  notStored() {
    this.#unstored++;
  }

  /** A request to store a result is being sent. The process may exit before the response. */
  storeSent() {
    this.#unanswered++;
  }

  /**
   * A request of `storeSent` has a response, or will not get one.
   *
   * @param {boolean} isAccepted
   */
  storeAnswered(isAccepted) {
    this.#unanswered--;
    if (isAccepted) this.#accepted();
  }

  #accepted() {
    this.#waiting++;
    // The response and the server's exit may arrive in either order.
    if (this.#exitReason) this.lost(this.#exitReason, this.#wasAsked);
  }

  /**
   * The outcome of an accepted result is known.
   *
   * @param {StoredParams} params
   */
  stored(params) {
    this.#waiting--;
    this.#report(params);
  }

  /** @param {StoredParams} params */
  #report(params) {
    const { hash, outcome, reason, code, diagnostic } = params;
    if (outcome === 'refused') this.refused(hash, reason, diagnostic);
    if (outcome === 'differs') this.#differences.add(params);
    if (outcome === 'evicted') this.#reportEvicted(this.#evicted + 1);
    // `end` reports the results that were cancelled at the end.
    if (outcome === 'failed' && code !== cancelled) {
      this.failed('writing to', { code, message: reason, diagnostic });
    }
  }

  /**
   * A result cannot be stored. Nx ignores what `store` resolves to, so without a line the
   * user would never know.
   *
   * @param {string} hash
   * @param {string} reason
   * @param {string} [diagnostic]
   */
  refused(hash, reason, diagnostic) {
    const code = codeOf({ diagnostic }) ?? diagnostics.resultNotStorable;
    const text = `the result ${reasonOf(hash)} ${reasonOf(reason)}`;
    notice('not stored', code, text);
  }

  /**
   * Nx keeps its cache below a limit. It deletes the least recently used results, even if
   * they wait to be stored.
   *
   * @param {number} results
   */
  #reportEvicted(results) {
    if (!(results > this.#evicted)) return;
    this.#evicted = results;
    notice(
      'evicted',
      diagnostics.resultEvicted,
      `${count(results, 'was', 'were')} not stored: Nx deleted their outputs from its cache first; if that cache is full, raise maxCacheSize in nx.json (default: a tenth of the disk)`,
      { rank: results },
    );
  }

  /**
   * A request failed. Prints one line for each kind of problem.
   *
   * @param {string} doing
   * @param {any} err with the code in rpc/doc.go, if it has one
   */
  failed(doing, err) {
    const { kind, diagnostic, text, rank } = problemOf(doing, err);
    notice(kind, diagnostic, text, { rank });
  }

  /**
   * The server exited too early.
   *
   * @param {string} why
   * @param {boolean} wasAsked whether something outside this process asked it to exit
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
      diagnostics.processLost,
      `the remote cache failed, the tasks run without it: ${why}${results}${hint}`,
      { rank: Math.max(this.#waiting, 0), topic: this.#topic },
    );
  }

  /**
   * Nx's process exits. Waits for results that are not stored yet, because a CI machine may
   * vanish with the process. After a signal, such as that of Ctrl-C, it does not wait, and
   * the server continues by itself up to its limit. Leaving the TUI sends no signal, so the
   * process waits, and Ctrl-C ends the wait.
   *
   * @param {HandedOver} [handedOver]
   */
  end(handedOver) {
    this.cacheDirectory ||= handedOver?.cacheDirectory ?? '';
    const isRecordAwaited = handedOver?.isAwaited ?? false;
    if (isInterrupted()) this.#reportCancelled();
    else if (!this.#client.ended) this.#finish(isRecordAwaited);
    this.#client.resume();
  }

  /**
   * A signal to all processes of a run also ends the server. That is not a failure.
   */
  #reportCancelled() {
    if (!this.#wasAsked) return;
    if (this.#waiting <= 0) {
      withdraw(kinds.process, this.#topic);
      return;
    }
    notice(
      kinds.process,
      diagnostics.cancelled,
      `the run was cancelled: ${count(this.#waiting, 'was', 'were')} not stored`,
      { rank: Infinity },
    );
  }

  /** Whether results may still have to be stored, even if no response said so yet. */
  get #isLeft() {
    return this.#waiting + this.#unanswered > 0;
  }

  /** @param {boolean} isRecordAwaited */
  #finish(isRecordAwaited) {
    if (!this.#isLeft && !this.#showsSummary && !isRecordAwaited) return;
    const started = performance.now();
    const result = this.#drain(isRecordAwaited);
    uploadJobSummary(this.#env, this.#session.session);
    const waited = this.#client.waited + performance.now() - started;
    if (this.#showsSummary && result) {
      // A process that runs tasks several times opens several caches.
      report(
        `summary ${this.#session.session}`,
        summaryLine(result, this.#session, {
          waited,
          localHits: this.#localHits.count,
          unstored: this.#unstored,
          readOnlyBy: this.#readOnlyBy,
        }),
      );
    }
  }

  /**
   * @param {boolean} isRecordAwaited
   * @returns {DrainResult | undefined} undefined if nothing is known
   */
  #drain(isRecordAwaited) {
    if (!this.cacheDirectory) {
      return {
        ended: 'stored',
        waiting: 0,
        summary: emptySummary,
        problems: [],
      };
    }
    const isLeft = this.#isLeft;
    const isLong = isLeft || isRecordAwaited;
    if (isLong) endAtSignals();
    const { session, drain: drainLimit, idleTimeout } = this.#session;
    const limit = isLong ? drainLimit : Math.min(drainLimit, summaryLimit);
    const folder = ownFolder(this.cacheDirectory, session);
    try {
      const result = drain(this.#binary, this.#env, {
        folder,
        limit,
        silence: idleTimeout,
      });
      if (result.ended === 'unknown') {
        return this.#reportUnknown(folder, result.reason);
      }
      for (const problem of result.problems ?? []) this.#report(problem);
      this.#reportEvicted(result.summary.evicted);
      if (isLeft) this.#reportUnstored(result);
      reportRecord(result);
      return isLeft || result.ended === 'stored' ? result : undefined;
    } catch (err) {
      if (!isLeft) return undefined; // only the summary line is missing
      notice(
        kinds.process,
        diagnostics.resultsLost,
        `some results may not be stored: ${reasonOf(err)}; ${reportBug}`,
      );
      return undefined;
    }
  }

  /**
   * The state of the remaining results is unknown. The server continues by itself.
   *
   * @param {string} folder
   * @param {string} [reason] why its state file is not trusted
   * @returns {undefined}
   */
  #reportUnknown(folder, reason) {
    if (this.#waiting <= 0) return;
    if (reason) {
      notice(
        kinds.files,
        diagnostics.resultsLost,
        `some results may not be stored: ${reason}`,
      );
      return;
    }
    notice(
      kinds.files,
      diagnostics.fileSystemFailed,
      `some results may not be stored: the cache process cannot write to ${folder}; is the disk full?`,
    );
  }

  /** @param {DrainResult} result */
  #reportUnstored({ ended, waiting, processId, isLeft }) {
    if (waiting === 0 && ended !== 'gone') return; // only the record is not stored
    const seconds = this.#session.drain / 1000;
    const left = isLeft ? `; it does not exit: kill process ${processId}` : '';
    if (ended === 'limit') {
      notice(
        'drain',
        diagnostics.drainLimit,
        `${count(waiting, 'was', 'were')} not stored within ${seconds} s after the run; ` +
          `to wait longer raise azure.timeouts.drain in nx.json${left}`,
      );
    } else if (ended === 'silent') {
      notice(
        'drain',
        diagnostics.resultsLost,
        `${count(waiting, 'was', 'were')} not stored: the cache process has stopped responding (was it suspended, or does its disk hang?)${left || ` and was ended; ${reportBug}`}`,
      );
    } else if (ended === 'interrupted') {
      notice(
        'drain',
        diagnostics.storedInBackground,
        `${count(waiting, 'is', 'are')} still being stored, for at most ${seconds} s`,
      );
    } else if (ended === 'gone' && this.#waiting > 0) {
      notice(
        kinds.process,
        diagnostics.resultsLost,
        `the cache process exited before it stored its results; ${reportBug}`,
      );
    }
  }
}

/**
 * Reports that the run's record is not stored. That is no news to someone who ended the wait,
 * and after another line about the storage.
 *
 * @param {DrainResult} result
 */
function reportRecord({ ended, recordProblem }) {
  if (ended === 'interrupted' || typeof recordProblem !== 'string') return;
  const text = reasonOf(recordProblem);
  notice(kinds.storage, diagnostics.recordFailed, text, { rank: -1 });
}

/**
 * @param {number} results
 * @param {string} is the verb for one
 * @param {string} are the verb for others
 */
function count(results, is, are) {
  return results === 1 ? `1 result ${is}` : `${results} results ${are}`;
}

exports.Run = Run;
