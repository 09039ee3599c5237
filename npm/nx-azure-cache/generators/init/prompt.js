'use strict';

const readline = require('node:readline/promises');
const { readEnvironment } = require('../../lib/environment');
const { printable } = require('../../lib/printable');
const { workspaceRoot } = require('../../lib/workspace');
const { checkWithBinary } = require('./config-check');

/** @import { Check, Checker } from './config-check' */
/** @import { Block, Key } from './settings' */

/**
 * Everything outside the workspace. `ask` is missing if no one can answer.
 *
 * @typedef {object} Io
 * @property {NodeJS.ProcessEnv} env
 * @property {(line: string) => void} log
 * @property {Check} check
 * @property {(question: string) => Promise<string>} [ask]
 */

/** @type {Partial<Record<Key, string>>} */
const QUESTIONS = {
  container: 'Blob container for the cache (empty: fill in later): ',
  accountName: 'Storage account (empty: fill in later): ',
};

/**
 * @param {Key[]} keys
 * @param {Io} io
 * @param {Checker} checker
 * @returns {Promise<Block>}
 */
async function askFor(keys, { ask, log }, checker) {
  /** @type {Block} */
  const answers = {};
  if (!ask) return answers;
  for (const key of keys) {
    const answer = await askUntilValid(key, ask, log, checker);
    if (answer) answers[key] = answer;
  }
  return answers;
}

/**
 * Repeats the question until the input is valid or empty.
 *
 * @param {Key} key
 * @param {(question: string) => Promise<string>} ask
 * @param {(line: string) => void} log
 * @param {Checker} checker
 */
async function askUntilValid(key, ask, log, checker) {
  for (;;) {
    const answer = (await ask(QUESTIONS[key] ?? `${key}: `)).trim();
    if (!answer) return '';
    const problems = checker.problemsWith({ [key]: answer });
    if (problems.length === 0) return answer;
    for (const { message } of problems) log(message);
  }
}

/** @returns {Io} */
function terminal() {
  const environment = readEnvironment(workspaceRoot());
  const env = environment.seenByRuns();
  const log = (/** @type {string} */ line) => console.log(printable(line));
  const io = { env, log, check: checkWithBinary(environment) };
  return isInteractive(env) ? { ...io, ask } : io;
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
  // The terminal does the echo: under Nx 20, readline's own line editing shows the first
  // answer twice.
  const lines = readline.createInterface({ input, output, terminal: false });
  // Ctrl-D only closes the interface: the question would stay pending, and Node would exit
  // with 0.
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

/** @param {string} answer */
const isYes = (answer) => /^y(es)?$/i.test(answer.trim());

module.exports = { askFor, isYes, terminal };
