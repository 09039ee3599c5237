'use strict';

// The values in the sessions of testdata/rpc: fills placeholders, and compares values.

const fs = require('node:fs');
const path = require('node:path');
const { rest } = require('./parse');

const licenses = path.join(__dirname, '../../../testdata/license');
const whole =
  /^\$\{(any|string|number|contains|matches|file|pid)(?: ([^}]*))?\}$/;

/**
 * Makes the folder of a server's session, as a client may do before the server does.
 *
 * @param {string} cacheDirectory
 * @param {string} session
 */
function sessionFolder(cacheDirectory, session) {
  const folder = path.join(cacheDirectory, '.nx-azure-cache', session);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * The placeholders of one session, and their values.
 */
class Values {
  /** @type {string[]} files made for `${file N TEXT}` since `takeFiles` */
  #made = [];
  #files = 0;

  /** @param {Record<string, string | number>} values by name */
  constructor(values) {
    this.values = values;
  }

  /**
   * Replaces the placeholders in a string.
   *
   * @param {string} text
   */
  substitute(text) {
    return text.replace(
      /\$\{(\w+)(?: ([^}]*))?\}/g,
      (match, name, argument) => {
        if (name === 'repeat') return repeat(argument);
        if (name === 'license') {
          const file = path.join(licenses, `${argument}.jwt`);
          return fs.readFileSync(file, 'utf8').trim();
        }
        if (argument !== undefined || !(name in this.values)) {
          throw new Error(`unknown placeholder ${match}`);
        }
        return String(this.values[name]);
      },
    );
  }

  /** Returns the files made since the last call. */
  takeFiles() {
    return this.#made.splice(0);
  }

  /**
   * Turns a value of a session into the value to send.
   *
   * @param {any} value
   * @param {any} [defaults] the members that `...` adds to an object
   * @returns {any}
   */
  fill(value, defaults) {
    if (typeof value === 'string') return this.#example(value);
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (value === null || typeof value !== 'object') return value;
    if (rest in value && !defaults) {
      throw new Error('"..." has no meaning here');
    }
    const members = Object.entries(value)
      .filter(([key]) => key !== rest)
      .map(([key, member]) => [key, this.fill(member, defaults?.[key])]);
    return { ...(rest in value && defaults), ...Object.fromEntries(members) };
  }

  /**
   * The value to send for a string of a session.
   *
   * @param {string} text
   */
  #example(text) {
    const match = whole.exec(text);
    if (!match) return this.substitute(text);
    const [, name, argument] = match;
    switch (name) {
      case 'any':
        return null;
      case 'string':
        return 'string';
      case 'number':
        return 10_000;
      case 'contains':
        return this.substitute(argument);
      case 'file':
        return this.#makeFile(repeat(argument));
      case 'pid':
        return this.values.pid;
      default:
        throw new Error(`${text} cannot be sent`);
    }
  }

  /** @param {string} content */
  #makeFile(content) {
    const { cacheDirectory, session = '' } = this.values;
    const folder = sessionFolder(String(cacheDirectory), String(session));
    const file = path.join(folder, `output-${this.#files++}`);
    fs.writeFileSync(file, content);
    this.#made.push(file);
    return file;
  }

  /**
   * Compares a value with the wanted one. Returns one line for each difference.
   *
   * @param {any} want
   * @param {any} got
   * @param {string} [where] the path of the value, for the lines
   * @returns {string[]}
   */
  differences(want, got, where = '') {
    if (typeof want === 'string') return this.#ofString(want, got, where);
    if (Array.isArray(want)) {
      if (!Array.isArray(got) || got.length !== want.length) {
        return different(where, want, got);
      }
      return want.flatMap((item, i) =>
        this.differences(item, got[i], `${where}[${i}]`),
      );
    }
    if (want === null || typeof want !== 'object') {
      return want === got ? [] : different(where, want, got);
    }
    if (got === null || typeof got !== 'object' || Array.isArray(got)) {
      return different(where, want, got);
    }
    return this.#ofObject(want, got, where);
  }

  /**
   * @param {any} want
   * @param {any} got
   * @param {string} where
   */
  #ofObject(want, got, where) {
    const join = (/** @type {string} */ key) =>
      where ? `${where}.${key}` : key;
    const keys = Object.keys(want).filter((key) => key !== rest);
    const all = keys.flatMap((key) =>
      key in got
        ? this.differences(want[key], got[key], join(key))
        : [`${join(key)}: want ${show(want[key])}, got nothing`],
    );
    if (rest in want) return all;
    const others = Object.keys(got).filter((key) => !keys.includes(key));
    return [
      ...all,
      ...others.map(
        (key) => `${join(key)}: want nothing, got ${show(got[key])}`,
      ),
    ];
  }

  /**
   * @param {string} want
   * @param {any} got
   * @param {string} where
   */
  #ofString(want, got, where) {
    const match = whole.exec(want);
    if (!match) {
      const filled = this.substitute(want);
      return filled === got ? [] : different(where, filled, got);
    }
    const [, name, argument] = match;
    if (name === 'file') {
      const wrong = checkFile(got, repeat(argument));
      return wrong ? [`${where}: ${wrong}`] : [];
    }
    const isString = typeof got === 'string';
    const ok = {
      any: () => true,
      string: () => isString,
      number: () => typeof got === 'number',
      pid: () => got === this.values.pid,
      contains: () => isString && got.includes(this.substitute(argument)),
      matches: () => isString && new RegExp(argument).test(got),
    }[/** @type {'any'} */ (name)]();
    return ok ? [] : different(where, want, got);
  }
}

/**
 * Checks and removes a file, as its receiver does.
 *
 * @param {any} file
 * @param {string} content
 * @returns {string | undefined} what is wrong
 */
function checkFile(file, content) {
  if (typeof file !== 'string') return `want a path, got ${show(file)}`;
  let got;
  try {
    got = fs.readFileSync(file, 'utf8');
    fs.rmSync(file);
  } catch (err) {
    return String(err);
  }
  if (got === content) return undefined;
  return `want a file with ${show(content)}, got one with ${show(got)}`;
}

/**
 * The content of the file `${file N TEXT}`, or undefined.
 *
 * @param {unknown} value
 */
function fileContent(value) {
  const match = /^\$\{file ([^}]*)\}$/.exec(String(value));
  return match ? repeat(match[1]) : undefined;
}

/** @param {string} argument `N TEXT` */
function repeat(argument) {
  const match = /^(\d+) (.*)$/s.exec(argument);
  if (!match) throw new Error(`"${argument}" is not a number and a string`);
  return match[2].repeat(Number(match[1]));
}

/**
 * @param {string} where
 * @param {any} want
 * @param {any} got
 */
function different(where, want, got) {
  return [`${where}: want ${show(want)}, got ${show(got)}`];
}

/**
 * A value in one line, cut where it is long.
 *
 * @param {any} value
 * @param {number} [limit]
 */
function show(value, limit = 1000) {
  const text = JSON.stringify(value) ?? String(value);
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)} … (${text.length} characters)`;
}

exports.Values = Values;
exports.checkFile = checkFile;
exports.fileContent = fileContent;
exports.sessionFolder = sessionFolder;
exports.show = show;
