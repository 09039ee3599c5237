'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { endRunning } = require('./run');

/** @type {(() => unknown)[]} */
const tasks = [];

/**
 * Registers something to do at the end, the last first: when `cleanUp` is
 * called, also after Ctrl-C.
 *
 * @param {() => unknown} task
 */
function atEnd(task) {
  tasks.push(task);
}

async function cleanUp() {
  endRunning();
  while (tasks.length > 0) {
    try {
      await /** @type {() => unknown} */ (tasks.pop())();
    } catch (err) {
      console.error(err);
    }
  }
}

/**
 * Runs a script's main function, cleans up, and exits: 0, 1 after an error,
 * 128 + its number after a signal.
 *
 * @param {() => Promise<number | void>} main may resolve to an exit code
 */
async function runMain(main) {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, async () => {
      await cleanUp();
      process.exit(128 + os.constants.signals[signal]);
    });
  }
  let code;
  try {
    code = (await main()) ?? 0;
  } catch (err) {
    console.error(err instanceof Error ? err.message : err);
    code = 1;
  }
  await cleanUp();
  process.exit(code);
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
