'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * A variable that this process was not started with. Nx loads the checkout's .env files
 * into its own environment.
 *
 * @typedef {object} Claim
 * @property {string} name
 * @property {string} value
 * @property {string} file the file that sets it, such as `.env`; '' if code in this
 *   process set it
 * @property {true} [isEmpty] the process was started with the variable empty
 */

/**
 * The files that Nx loads; the first one wins. See nx/src/utils/dotenv, which is the same
 * from Nx 20.0.6 to 24.0.6.
 */
const filesOfNx = ['.local.env', '.env.local', '.env'];

/** Yarn adds this file's variables to the environment of every process it starts. */
const fileOfYarn = '.env.yarn';

/** The names of files that Nx loads for a task, and that Bun loads for itself. */
const fileName = /^\.env(\..+)?$|^\..+\.env$/;

/**
 * Whether the tool that started this process loads further .env files, as Nx does for a
 * task, and as Bun does.
 *
 * @param {NodeJS.ProcessEnv} env
 */
const isOfTool = (env) =>
  Boolean(env.NX_TASK_TARGET_PROJECT) ||
  /^bun\//.test(env.npm_config_user_agent ?? '') ||
  /\bbunx?(\.exe)?$/.test(env.npm_execpath ?? '');

/** The variables that reveal Bun. A .env file must not change them. */
const bunVariables = ['npm_config_user_agent', 'npm_execpath'];

/** The most characters of JSON that all claims in a variable may have. */
const maxClaims = 16 * 1024;

/**
 * The environment of this process, without what the checkout added to it.
 */
class Environment {
  /** The variables that this process was started with. Our own processes get no others. */
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
   * Calls a function that reads `process.env`, such as one of Nx, with the variables that
   * this process was started with.
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
   * The variables that a run uses: Nx's environment without our own variables from .env
   * files. Of these, a run accepts only the connection string.
   *
   * @returns {NodeJS.ProcessEnv}
   */
  seenByRuns() {
    const env = Object.assign(emptyEnvironment(), process.env);
    for (const { name } of this.claims) {
      if (/^NX_AZURE_CACHE_(?!CONNECTION_STRING$)/i.test(name)) {
        delete env[name];
      }
    }
    return env;
  }

  /**
   * All claims, for a run. A file can override a variable of the CI, which then shows only
   * in a claim. With a limit, other claims of that file could displace it.
   *
   * @returns {Claim[] | undefined} undefined if there are none
   */
  claimsForServer() {
    return this.claims.length > 0 ? this.claims : undefined;
  }

  /**
   * The claims for a command, which gets them in a variable. The shortest come first, up to
   * a limit, because a variable may have at most 32,767 characters on Windows. A command
   * stores no results, so nothing depends on a missing claim.
   *
   * @returns {Claim[] | undefined} undefined if there are none
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
 * Separates the variables that this process was started with from those that the checkout
 * added. Linux keeps the initial variables. Other systems do not, and some tools load .env
 * files before they start this process. In these cases, a variable that such a file may
 * have set counts as added.
 *
 * @param {string} root of the workspace
 * @param {NodeJS.ProcessEnv | null} [initial] the variables that this process was started
 *   with; null if unknown
 */
function readEnvironment(root, initial = initialVariables()) {
  const given = caseInsensitive(
    initial ?? Object.assign(emptyEnvironment(), process.env),
  );
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
 * The variables that this process was started with; null if the system does not keep them.
 * Linux does: its kernel shows the memory that execve filled, which later changes of
 * variables do not touch.
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
  const variables = emptyEnvironment();
  for (const line of text.split('\0')) {
    const end = line.indexOf('=', 1);
    // If a name occurs twice, getenv finds the first one.
    if (end > 0) variables[line.slice(0, end)] ??= line.slice(end + 1);
  }
  return variables;
}

/**
 * An empty environment, without a prototype.
 *
 * @returns {NodeJS.ProcessEnv}
 */
function emptyEnvironment() {
  return Object.create(null);
}

/**
 * Variables with case-insensitive names on Windows, as in process.env there.
 *
 * @param {NodeJS.ProcessEnv} variables
 * @returns {NodeJS.ProcessEnv}
 */
function caseInsensitive(variables) {
  if (process.platform !== 'win32') return variables;
  const upper = emptyEnvironment();
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
 * A .env file. Tools read it in different ways, and it may refer to variables that have
 * changed since, so the exact values are unknown. This class reports which values it may
 * have set, with any tool.
 */
class EnvFile {
  /** The names of its variables, and anything else that looks like one. */
  names;
  /** @type {string} */
  name;
  #text;
  /** Whether it has no references and no escapes, so that values are literal. */
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
   * Whether it may have set a variable to a value.
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
 * Reads the files that exist.
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
 * Ignores errors: Nx cannot load a file either that cannot be read or decrypted.
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
 * Reads the encrypted file that dotenv loads instead if DOTENV_KEY is set.
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
  // "$" marks the values as possible references.
  const text = parsed.map((name) => `${name}=$`).join('\n');
  return [new EnvFile(path.basename(vault), text)];
}

/**
 * The .env files of any tool in the workspace's root and in the current directory, such as
 * that of a project.
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
