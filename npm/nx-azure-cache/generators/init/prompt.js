'use strict';

const readline = require('node:readline/promises');
const { readEnvironment } = require('../../lib/environment');
const { printable } = require('../../lib/printable');
const { workspaceRoot } = require('../../lib/workspace');
const { problem } = require('./settings');

/** @typedef {import('./settings').Block} Block */
/** @typedef {import('./settings').Key} Key */

/**
 * The world outside the workspace. `ask` is there only when somebody can answer.
 *
 * @typedef {object} Io
 * @property {NodeJS.ProcessEnv} env
 * @property {(line: string) => void} log
 * @property {(question: string) => Promise<string>} [ask]
 */

/** @type {Partial<Record<Key, string>>} */
const QUESTIONS = {
  container: 'Blob container that holds the cache (empty: fill in later): ',
  accountName: 'Storage account (empty: fill in later): ',
};

/**
 * @param {Key[]} keys
 * @param {Io} io
 * @returns {Promise<Block>}
 */
async function askFor(keys, { ask, log }) {
  /** @type {Block} */
  const answers = {};
  if (!ask) return answers;
  for (const key of keys) {
    const answer = await askOnce(key, ask, log);
    if (answer) answers[key] = answer;
  }
  return answers;
}

/**
 * Asks until the answer is valid or empty.
 *
 * @param {Key} key
 * @param {(question: string) => Promise<string>} ask
 * @param {(line: string) => void} log
 */
async function askOnce(key, ask, log) {
  for (;;) {
    const answer = (await ask(QUESTIONS[key] ?? `${key}: `)).trim();
    const wrong = answer && problem(key, answer);
    if (!wrong) return answer;
    log(wrong);
  }
}

/** @returns {Io} */
function terminal() {
  const env = readEnvironment(workspaceRoot()).seenByRuns();
  const log = (/** @type {string} */ line) => console.log(printable(line));
  return isInteractive(env) ? { env, log, ask } : { env, log };
}

/** @param {NodeJS.ProcessEnv} env */
function isInteractive(env) {
  const { isCI } = require('nx/src/utils/is-ci');
  return (
    process.stdin.isTTY &&
    process.stdout.isTTY &&
    env.NX_INTERACTIVE !== 'false' &&
    !isCI()
  );
}

/** @param {string} question */
async function ask(question) {
  const { stdin: input, stdout: output } = process;
  // The terminal does the echo: under Nx 20, readline's own line editing shows the first answer twice.
  const lines = readline.createInterface({ input, output, terminal: false });
  // Ctrl+D only closes the interface: the question would stay open, and Node would exit with 0.
  const closed = new AbortController();
  lines.once('close', () => closed.abort());
  try {
    return await lines.question(question, { signal: closed.signal });
  } catch (cause) {
    throw new Error('cancelled: nx.json is unchanged', { cause });
  } finally {
    lines.close();
  }
}

module.exports = { askFor, terminal };
