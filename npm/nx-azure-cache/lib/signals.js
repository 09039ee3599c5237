'use strict';

/** The signals by which a person, a shell or a CI ends a run. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** @type {any} */
const thisProcess = process;

/**
 * The state that all copies of this module in a process share. Two copies that watch
 * signals would react to each other's listeners endlessly.
 *
 * @type {{ isWatching: boolean, hasArrived: boolean }}
 */
const state = (thisProcess[Symbol.for('nx-azure-cache.signals')] ??= {
  isWatching: false,
  hasArrived: false,
});

/**
 * Records the signals that this process gets from now on. The exit code does not reveal
 * them: Nx 21 to 23 exit with 130 if a task fails and another one is skipped.
 *
 * A listener replaces the default action of a signal, which is to end the process. So ours
 * exists only while there is another one. It is called first, and removed before the others
 * are called, because some of them count the listeners.
 */
function watchSignals() {
  if (state.isWatching) return;
  state.isWatching = true;
  // Our listener for each signal must not trigger Node's warning about too many.
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

/** Whether a signal interrupted this run. */
function isInterrupted() {
  return state.hasArrived;
}

/**
 * Makes SIGTERM and SIGHUP end this process at once. Our exit listener waits without the
 * event loop, so signal listeners would run only after the wait. Exit listeners after ours
 * are then skipped; Nx has already ended its tasks.
 *
 * SIGINT keeps its listeners. Ctrl-C ends the wait and not the process, because it also
 * reaches the child that this process waits for.
 */
function endAtSignals() {
  for (const name of ['SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
}

exports.endAtSignals = endAtSignals;
exports.isInterrupted = isInterrupted;
exports.watchSignals = watchSignals;
