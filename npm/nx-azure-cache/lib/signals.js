'use strict';

/** The signals with which a person, a shell or a CI ends a run. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** @type {any} */
const thisProcess = process;

/**
 * What all copies of this module in a process share: two that watch would each answer
 * the listener of the other with one of theirs, without end.
 *
 * @type {{ isWatching: boolean, hasArrived: boolean }}
 */
const state = (thisProcess[Symbol.for('nx-azure-cache.signals')] ??= {
  isWatching: false,
  hasArrived: false,
});

/**
 * Notes the signals that this process gets from now on. The exit code does not
 * reveal them: Nx 21 to 23 end with 130 when a task fails and another is skipped.
 *
 * A listener replaces the default action of a signal, which ends the process. So
 * there is one of ours only while there is another one. It is the first to be called,
 * and gone before the others are: some of them count how many there are.
 */
function watchSignals() {
  if (state.isWatching) return;
  state.isWatching = true;
  // One of ours for each signal must not be the one too many for Node's warning.
  const most = process.getMaxListeners();
  if (most > 0) process.setMaxListeners(most + 1);
  process.on('newListener', (name, listener) => {
    if (listener !== noteSignal) watch(name);
  });
  process.on('removeListener', (name, listener) => {
    if (listener === noteSignal || !isWatched(name)) return;
    if (process.listenerCount(name) === 1) {
      process.removeListener(name, noteSignal);
    }
  });
  for (const name of signals) if (process.listenerCount(name) > 0) watch(name);
}

/** @param {string | symbol} name of an event */
function watch(name) {
  const isSignal = signals.includes(String(name));
  if (!isSignal || state.hasArrived || isWatched(name)) return;
  process.prependOnceListener(/** @type {any} */ (name), noteSignal);
}

/** @param {string | symbol} name of an event */
function isWatched(name) {
  return process.listeners(/** @type {any} */ (name)).includes(noteSignal);
}

function noteSignal() {
  state.hasArrived = true;
}

/** Whether this run was interrupted. */
function isInterrupted() {
  return state.hasArrived;
}

/**
 * Lets SIGTERM and SIGHUP end this process at once. Its exit listeners wait without
 * the event loop, and listeners of signals are not called meanwhile: Nx would end
 * only after the wait. The exit listeners that come after ours are lost then; Nx has
 * ended its tasks before.
 *
 * SIGINT keeps its listeners. Ctrl-C ends the wait and not the process, as it
 * reaches the child for which this process waits.
 */
function endAtSignals() {
  for (const name of ['SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
}

exports.endAtSignals = endAtSignals;
exports.isInterrupted = isInterrupted;
exports.watchSignals = watchSignals;
