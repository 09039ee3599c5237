'use strict';

const readline = require('node:readline/promises');
const { trustedBranch } = require('./branches');
const nxJson = require('./nx-json');
const {
  DEFAULTS,
  changes,
  missingKeys,
  problem,
  readOptions,
} = require('./settings');

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
 * Writes the azure block of nx.json. The callback, which Nx calls when the files are on the disk, says what is left to do.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {import('./schema').InitGeneratorSchema} [options]
 * @param {Io} [io]
 * @returns {Promise<() => void>}
 */
async function initGenerator(tree, options = {}, io = terminal()) {
  const given = readOptions(options);
  const text = tree.read('nx.json', 'utf8') ?? '{}\n';
  const file = nxJson.parse(text);
  const { azure: own, extends: base } = file;
  const whole = base ? extended(tree.root) : file;
  const inherited = own ? undefined : whole.azure;

  const existing = own ?? inherited ?? {};
  const known = { ...existing, ...given };
  const answers = await askFor(missingKeys(known, io.env), io);
  const wanted = { ...(inherited ? {} : DEFAULTS), ...known, ...answers };
  const changed = changes(existing, wanted);
  const branch = hasBranches(existing)
    ? undefined
    : trustedBranch(tree.root, whole);
  if (branch && !isObject(existing.trust)) {
    changed.trust = { branches: [branch] };
  }
  let edited = text;
  if (Object.keys(changed).length > 0) {
    edited = edit(text, own, { ...inherited, ...changed });
  }
  if (branch && isObject(own?.trust)) {
    edited = nxJson.set(edited, ['azure', 'trust', 'branches'], [branch]);
  }
  if (edited !== text) tree.write('nx.json', edited);

  const lines = report(tree, wanted, io.env, branch);
  return () => lines.forEach((line) => io.log(line));
}

/**
 * Whether a block says which branches are trusted, or that all are.
 *
 * @param {Block} block
 */
function hasBranches({ trust }) {
  return isObject(trust) && ('branches' in trust || trust.isolation === 'none');
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * nx.json with what it has from the file it extends. A block of its own replaces that one as a whole.
 *
 * @param {string} root
 * @returns {ReturnType<typeof nxJson.parse>}
 */
function extended(root) {
  const { readNxJson } = require('nx/src/config/nx-json');
  return /** @type {ReturnType<typeof nxJson.parse>} */ (readNxJson(root));
}

/**
 * @param {string} text
 * @param {Block | undefined} own
 * @param {Block} entries
 * @returns {string}
 */
function edit(text, own, entries) {
  if (!own) return nxJson.set(text, ['azure'], entries);
  return Object.entries(entries).reduce(
    (text, [key, value]) => nxJson.set(text, ['azure', key], value),
    text,
  );
}

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

/**
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [branch] that was found
 * @returns {string[]}
 */
function report(tree, block, env, branch) {
  const steps = nextSteps(tree, block, env).map((step) => `- ${step}`);
  return [
    ...(env.AZURE_STORAGE_CONNECTION_STRING
      ? [
          'The connection string in AZURE_STORAGE_CONNECTION_STRING will be used; it is not written to nx.json.',
        ]
      : []),
    ...(branch
      ? [
          `What CI stores on the branch ${branch} is for all; what it stores for pull requests and other branches, only for these (azure.trust.branches).`,
        ]
      : []),
    ...(steps.length > 0 ? ['', 'Next steps:', ...steps] : []),
  ];
}

/**
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function nextSteps(tree, block, env) {
  const steps = [];
  const missing = missingKeys(block, env).map((key) => `"${key}"`);
  if (missing.length > 0) {
    steps.push(
      `Fill in ${missing.join(' and ')} in the "azure" block of nx.json.`,
    );
  }
  if (!env.NX_POWERPACK_LICENSE && !tree.exists('.nx/powerpack/license.ini')) {
    steps.push(
      'Set NX_POWERPACK_LICENSE to your licence, or save it as .nx/powerpack/license.ini, which does not belong in git: the cache is off without one.',
    );
  }
  return steps;
}

/** @returns {Io} */
function terminal() {
  const { env } = process;
  const log = (/** @type {string} */ line) => console.log(line);
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

module.exports = { initGenerator };
