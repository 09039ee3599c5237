'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * A variable that this process has, but that did not come from outside: Nx loads
 * the .env files of the checkout into its environment.
 *
 * @typedef {object} Claim
 * @property {string} name
 * @property {string} value
 * @property {string} file that sets it, such as `.env`; '' if code in this
 *   process did
 * @property {true} [isEmpty] the environment has the variable, and it is empty
 */

/**
 * The files that Nx loads, the first one wins (nx/src/utils/dotenv, the same from
 * Nx 20.0.6 to 24.0.6).
 */
const filesOfNx = ['.local.env', '.env.local', '.env'];

/** Yarn adds the variables of this file to the environment of all that it starts. */
const fileOfYarn = '.env.yarn';

/** Names of files that Nx loads for a task, and Bun for itself. */
const fileName = /^\.env(\..+)?$|^\..+\.env$/;

/**
 * Whether the tool that started this process adds variables of further files: Nx does
 * for a task, and so does Bun.
 *
 * @param {NodeJS.ProcessEnv} env
 */
const isOfTool = (env) =>
  Boolean(env.NX_TASK_TARGET_PROJECT) ||
  /^bun\//.test(env.npm_config_user_agent ?? '') ||
  /\bbunx?(\.exe)?$/.test(env.npm_execpath ?? '');

/** The variables that reveal Bun. A file must not change them. */
const bunVariables = ['npm_config_user_agent', 'npm_execpath'];

/** The most that claims may take together in a variable, in characters of JSON. */
const maxClaims = 16 * 1024;

/**
 * The environment of this process, without what the checkout has added to it.
 */
class Environment {
  /** What came from outside: all that our own processes get. */
  variables;
  /** @type {Claim[]} */
  claims;

  /**
   * @param {NodeJS.ProcessEnv} variables
   * @param {EnvFile[]} files
   */
  constructor(variables, files) {
    this.variables = variables;
    this.claims = Object.keys(process.env)
      .filter((name) => process.env[name] && !variables[name])
      .map((name) => ({
        name,
        value: /** @type {string} */ (process.env[name]),
        file: files.find(({ names }) => names.has(keyOf(name)))?.name ?? '',
        ...(variables[name] === '' && { isEmpty: true }),
      }));
  }

  /**
   * Calls a function that reads `process.env`, such as one of Nx, with the variables
   * that came from outside.
   *
   * @template T
   * @param {() => T} read must be synchronous
   */
  withOuterVariables(read) {
    const { env } = process;
    try {
      process.env = this.variables;
      return read();
    } finally {
      process.env = env;
    }
  }

  /**
   * What Nx sees, but for our own variables: a run ignores those of .env files, except
   * the connection string.
   *
   * @returns {NodeJS.ProcessEnv}
   */
  seenByRuns() {
    const env = Object.assign(empty(), process.env);
    for (const { name } of this.claims) {
      if (/^NX_AZURE_CACHE_(?!CONNECTION_STRING$)/i.test(name)) {
        delete env[name];
      }
    }
    return env;
  }

  /**
   * The claims as a run sends them: all. A file can hide a variable of the CI, so
   * that only its claim shows what it is. With a limit other claims of that file
   * could drive this one out.
   *
   * @returns {Claim[] | undefined} undefined: there are none
   */
  claimsForServer() {
    return this.claims.length > 0 ? this.claims : undefined;
  }

  /**
   * The claims as a variable of a command holds them. The shortest come first, and
   * what is too much is left out: a variable may have 32,767 characters on Windows.
   * A command stores no results, so nothing depends on a claim that is missing.
   *
   * @returns {Claim[] | undefined} undefined: there are none
   */
  claimsForCommand() {
    let room = maxClaims;
    return this.claimsForServer()
      ?.map((claim) => ({ claim, size: JSON.stringify(claim).length }))
      .sort((a, b) => a.size - b.size)
      .filter(({ size }) => (room -= size) >= 0)
      .map(({ claim }) => claim);
  }
}

/**
 * Finds out which variables came from outside. On Linux these are the variables with
 * which this process was started. Other systems do not keep them, and some tools load
 * .env files before they start this process. There, a variable that such a file can
 * have set counts as not from outside.
 *
 * @param {string} root of the workspace
 * @param {NodeJS.ProcessEnv | null} [initial] with which this process was started;
 *   null: not known
 */
function readEnvironment(root, initial = initialVariables()) {
  const given = caseless(initial ?? Object.assign(empty(), process.env));
  const usual = [...filesOfNx, fileOfYarn].map((name) => path.join(root, name));
  let files = readFiles(usual);
  const hasToolFiles =
    isOfTool(given) ||
    files.some(({ names }) =>
      bunVariables.some((name) => names.has(keyOf(name))),
    );
  if (hasToolFiles)
    files = readFiles([...new Set([...usual, ...allFiles(root)])]);
  const isChildOfNx = initial?.NX_CLI_SET; // which Nx sets in its own process, too
  const suspects =
    !initial || hasToolFiles || isChildOfNx
      ? files
      : files.filter(({ name }) => name === fileOfYarn);
  if (suspects.length > 0) {
    for (const [name, value = ''] of Object.entries(given)) {
      if (suspects.some((file) => file.maySet(name, value))) delete given[name];
    }
  }
  return new Environment(given, files);
}

/**
 * The variables with which this process was started; null where the system does not
 * tell. Only Linux does: there the kernel shows the memory that execve has filled,
 * which later changes of variables do not touch.
 *
 * @param {string} [file]
 * @returns {NodeJS.ProcessEnv | null}
 */
function initialVariables(file = '/proc/self/environ') {
  if (process.platform !== 'linux') return null;
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const variables = empty();
  for (const line of text.split('\0')) {
    const end = line.indexOf('=', 1);
    // getenv finds the first of two of a name.
    if (end > 0) variables[line.slice(0, end)] ??= line.slice(end + 1);
  }
  return variables;
}

/**
 * An empty environment, without a prototype.
 *
 * @returns {NodeJS.ProcessEnv}
 */
function empty() {
  return Object.create(null);
}

/**
 * Variables whose names have no case on Windows, as in process.env there.
 *
 * @param {NodeJS.ProcessEnv} variables
 * @returns {NodeJS.ProcessEnv}
 */
function caseless(variables) {
  if (process.platform !== 'win32') return variables;
  const upper = empty();
  for (const name in variables) upper[keyOf(name)] = variables[name];
  return new Proxy(upper, {
    get: (target, name) => target[keyOf(String(name))],
    deleteProperty: (target, name) => delete target[keyOf(String(name))],
  });
}

/** @param {string} name of a variable */
function keyOf(name) {
  return process.platform === 'win32' ? name.toUpperCase() : name;
}

/**
 * A .env file. The tools that load it differ, and it can refer to variables that have
 * changed since, so the values that it sets are not known. This class reports the
 * values that it can have set, with any tool.
 */
class EnvFile {
  /** Its variables, and all else that looks like one. */
  names;
  /** @type {string} */
  name;
  #text;
  /** Whether each value in it stands there as it is. */
  #isLiteral;

  /**
   * @param {string} name
   * @param {string} text
   */
  constructor(name, text) {
    this.name = name;
    this.#text = text.replace(/\r\n?/g, '\n');
    this.#isLiteral = !/[$\\]/.test(text);
    this.names = new Set(
      Array.from(text.matchAll(/([\w.-]+)\s*[=:]/g), ([, key]) => keyOf(key)),
    );
  }

  /**
   * Whether it can have set a variable to a value.
   *
   * @param {string} name
   * @param {string} value
   */
  maySet(name, value) {
    const isValue = !this.#isLiteral || this.#text.includes(value);
    return value !== '' && this.names.has(keyOf(name)) && isValue;
  }
}

/**
 * Reads the files that are there.
 *
 * @param {string[]} paths
 * @returns {EnvFile[]}
 */
function readFiles(paths) {
  return paths.flatMap((file) => {
    if (!fs.existsSync(file)) return [];
    return [
      ...ignoringErrors(() => readFile(file)),
      ...ignoringErrors(() => readVault(file)),
    ];
  });
}

/**
 * What cannot be read or decrypted, Nx cannot load either.
 *
 * @param {() => EnvFile[]} read
 */
function ignoringErrors(read) {
  try {
    return read();
  } catch {
    return [];
  }
}

/**
 * @param {string} file
 * @returns {EnvFile[]}
 */
function readFile(file) {
  return [new EnvFile(path.basename(file), fs.readFileSync(file, 'utf8'))];
}

/**
 * What dotenv loads instead of a file where DOTENV_KEY is set.
 *
 * @param {string} file
 * @returns {EnvFile[]}
 */
function readVault(file) {
  const vault = `${file}.vault`;
  if (!process.env.DOTENV_KEY || !fs.existsSync(vault)) return [];
  const nx = path.dirname(require.resolve('nx/package.json'));
  const dotenv = require(require.resolve('dotenv', { paths: [nx] }));
  const parsed = Object.keys(dotenv._parseVault({ path: vault }));
  // Its values may refer to others.
  const text = parsed.map((name) => `${name}=$`).join('\n');
  return [new EnvFile(path.basename(vault), text)];
}

/**
 * The .env files of any tool, in the folder of the workspace and in that in which
 * this process runs, such as that of a project.
 *
 * @param {string} root
 */
function allFiles(root) {
  return [root, process.cwd()].flatMap((folder) => {
    try {
      return fs
        .readdirSync(folder)
        .filter((name) => fileName.test(name))
        .map((name) => path.join(folder, name));
    } catch {
      return [];
    }
  });
}

exports.Environment = Environment;
exports.initialVariables = initialVariables;
exports.readEnvironment = readEnvironment;
