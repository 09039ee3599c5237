'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { endRunning } = require('./run');

/** @type {(() => unknown)[]} */
const tasks = [];

/**
 * Registers a task for `cleanUp`, which also runs after Ctrl-C. The last one runs first.
 *
 * @param {() => unknown} task
 */
function atEnd(task) {
  tasks.push(task);
}

/** @type {Promise<void> | undefined} */
let cleaning;

/** Ends the running commands and runs the registered tasks, once. */
function cleanUp() {
  cleaning ??= (async () => {
    await endRunning();
    while (tasks.length > 0) {
      try {
        await /** @type {() => unknown} */ (tasks.pop())();
      } catch (err) {
        console.error(err);
      }
    }
  })();
  return cleaning;
}

/**
 * Runs a script's main function, cleans up, and exits. The exit code is what main resolves to
 * (default 0), 1 after an error, and 128 + its number after a signal. A closed output counts
 * as SIGPIPE.
 *
 * @param {() => Promise<number | void>} main
 */
async function runMain(main) {
  /** @param {number} code */
  const exit = async (code) => {
    // The first call decides, because main also fails after a signal.
    if (cleaning) return;
    await cleanUp();
    process.exit(code);
  };
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => exit(128 + os.constants.signals[signal]));
  }
  // The output is closed, for example by `| head`.
  process.stdout.on('error', () => exit(128 + os.constants.signals.SIGPIPE));
  try {
    await exit((await main()) ?? 0);
  } catch (err) {
    if (!cleaning) console.error(err instanceof Error ? err.message : err);
    await exit(1);
  }
}

/**
 * Makes a temporary folder that is removed at the end.
 *
 * @param {string} name
 */
function temporaryFolder(name) {
  const folder = fs.mkdtempSync(
    path.join(fs.realpathSync(os.tmpdir()), `nx-azure-cache-${name}-`),
  );
  atEnd(() =>
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  );
  return folder;
}

exports.atEnd = atEnd;
exports.cleanUp = cleanUp;
exports.runMain = runMain;
exports.temporaryFolder = temporaryFolder;
