'use strict';

// Reads the sessions of testdata/rpc, whose README.md specifies the format.

const fs = require('node:fs');
const path = require('node:path');

/**
 * The part of a line after its arrow. `value` is the whole JSON-RPC message of `message` and
 * `json`. `text` is the bytes of `raw`, or stderr at an `exit`.
 *
 * @typedef {{ kind: 'message' | 'json' | 'raw' | 'close' | 'exit', value?: any, text: string, code: number }} Message
 */

/**
 * A file (`mode`, `content`), a link (`target`) or a folder (`mode`).
 *
 * @typedef {{ path: string, mode?: number, content?: string, target?: string }} Entry
 */

/**
 * A line and its continuation lines. `value` is the JSON at its end.
 *
 * @typedef {object} Step
 * @property {string} place file:line
 * @property {string} keyword env, tree, …; `>` and `<` for messages
 * @property {string[]} words
 * @property {any} value
 * @property {Entry[]} tree
 * @property {string} client A, B, …
 * @property {string} delivery '', '+' (with the next message) or '~' (in pieces)
 * @property {Message} message only after an arrow
 */

/** @typedef {{ file: string, name: string, audience: string, steps: Step[] }} Session */

/** The member into which the parser turns `...` in an object. */
const rest = '...';

/** Holds the sessions. */
const folder = path.join(__dirname, '../../../testdata/rpc');

/**
 * Reads the sessions of a folder whose names contain one of the patterns. Throws if there are
 * none. Throws an error that names all sessions that cannot be read, because a session that
 * does not run would seem to pass.
 *
 * @param {string[]} [patterns]
 * @param {string} [from]
 */
function loadSessions(patterns = [], from = folder) {
  const files = fs
    .readdirSync(from)
    .filter((name) => name.endsWith('.session'))
    .filter(
      (name) =>
        patterns.length === 0 || patterns.some((text) => name.includes(text)),
    )
    .sort();
  if (files.length === 0) {
    const which = patterns.length > 0 ? ` named ${patterns.join(', ')}` : '';
    throw new Error(`there are no sessions${which} in ${from}`);
  }
  /** @type {string[]} */
  const problems = [];
  const sessions = files.flatMap((name) => {
    const file = path.join(from, name);
    try {
      return [parseSession(file, fs.readFileSync(file, 'utf8'))];
    } catch (err) {
      problems.push(/** @type {Error} */ (err).message);
      return [];
    }
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return sessions;
}

/**
 * @param {string} file for messages
 * @param {string} text
 * @returns {Session}
 */
function parseSession(file, text) {
  const shown = path.relative(process.cwd(), file);
  if (!text.startsWith('#')) {
    throw new Error(
      `${shown}:1: the first line must be a comment that says what the session shows`,
    );
  }
  const session = {
    file: shown,
    name: path.basename(file, '.session'),
    audience: '',
    steps: /** @type {Step[]} */ ([]),
  };
  const lines = text.split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const place = `${shown}:${i + 1}`;
    const line = lines[i];
    if (line.trim() === '' || line.startsWith('#')) continue;
    /** @type {string[]} */
    const more = [];
    while (/^[ \t]/.test(lines[i + 1] ?? '')) more.push(lines[++i].trim());
    const step = withPlace(place, () => parseStep(place, line, more));
    if (withTree.includes(step.keyword)) {
      const first = i + 2 - more.length;
      step.tree = more.map((text, j) =>
        withPlace(`${shown}:${first + j}`, () => parseEntry(text)),
      );
    }
    if (step.keyword === 'for') session.audience = step.words[0];
    else session.steps.push(step);
  }
  check(session);
  return session;
}

/**
 * Calls `read`, and adds the place to its errors.
 *
 * @template T
 * @param {string} place
 * @param {() => T} read
 * @returns {T}
 */
function withPlace(place, read) {
  try {
    return read();
  } catch (cause) {
    const { message } = /** @type {Error} */ (cause);
    throw new Error(`${place}: ${message}`, { cause });
  }
}

/** @param {Session} session */
function check({ file, audience, steps }) {
  if (!audience) {
    throw new Error(
      `${file}:1: there is no line \`for server\`, \`for client\` or \`for both\``,
    );
  }
  if (!steps.some(({ keyword }) => /^(<|expect|nx)/.test(keyword))) {
    throw new Error(`${file}:1: the session expects nothing`);
  }
}

/**
 * The keywords, and the least and the largest number of words that follow each.
 *
 * @type {Record<string, [number, number]>}
 */
const keywords = {
  for: [1, 1],
  env: [1, 1],
  tree: [1, 1],
  remove: [1, 1],
  stored: [2, 2],
  archive: [2, 2],
  damage: [2, 3],
  storage: [1, 5],
  'expect tree': [1, 1],
  'expect no': [1, 1],
  'expect blobs': [1, 99],
  'expect stored': [2, 2],
  'expect record': [0, 0],
  'expect requests': [1, 999],
  nx: [1, 1],
  'nx says': [0, 0],
};
const withTree = ['tree', 'stored', 'expect tree', 'expect stored'];
const withText = ['stored', 'expect stored', 'expect record', 'nx', 'nx says'];

/**
 * @param {string} place
 * @param {string} line
 * @param {string[]} more its continuation lines
 * @returns {Step}
 */
function parseStep(place, line, more) {
  const step = {
    ...{ place, keyword: '', words: [], value: undefined, tree: [] },
    ...{ client: 'A', delivery: '', message: /** @type {any} */ (undefined) },
  };
  const arrow = /^([A-Z]?)([<>])([+~]?) (.*)$/.exec(line);
  if (!arrow) return parseLine(step, line, more);
  const [, client, keyword, delivery, text] = arrow;
  if (client === 'A') throw new Error('the first client, A, has no letter');
  return {
    ...step,
    client: client || 'A',
    keyword,
    delivery,
    message: parseMessage(keyword, [text, ...more].join(' ').trim()),
  };
}

/**
 * Reads a line that is not a message.
 *
 * @param {Step} step
 * @param {string} line
 * @param {string[]} more
 */
function parseLine(step, line, more) {
  const [first, second] = line.split(' ');
  const two = `${first} ${second}`;
  const keyword = two in keywords ? two : first;
  if (!(keyword in keywords)) {
    throw new Error(`unknown keyword "${keyword}"`);
  }
  let tail = line.slice(keyword.length).trim();
  if (more.length > 0 && !withTree.includes(keyword)) {
    tail = [tail, ...more].join(' ');
  }
  const json = /^(.*?(?:^| ))(?=["{[]|(?:null|true|false|on|off)$)(.*)$/s.exec(
    tail,
  );
  let { value } = step;
  if (withText.includes(keyword) || (keyword === 'damage' && json)) {
    if (!json) throw new Error(`${keyword} ends with a value in JSON`);
    tail = json[1];
    value = /^o(n|ff)$/.test(json[2]) ? json[2] : parseValue(json[2]);
  }
  const words = keyword === 'env' ? [tail] : tail.split(/\s+/).filter(Boolean);
  const [least, most] = keywords[keyword];
  if (words.length < least || words.length > most) {
    const range = least === most ? least : `${least} to ${most}`;
    throw new Error(`${keyword} takes ${range} words, not ${words.length}`);
  }
  if (keyword === 'for' && !['server', 'client', 'both'].includes(words[0])) {
    throw new Error(`a session is for server, client or both, not ${words[0]}`);
  }
  return { ...step, keyword, words, value };
}

/**
 * @param {string} arrow
 * @param {string} text
 * @returns {Message}
 */
function parseMessage(arrow, text) {
  /** @type {(kind: Message['kind'], more?: Partial<Message>) => Message} */
  const message = (kind, more) => ({ kind, text: '', code: 0, ...more });
  const call = /^(\d+|"(?:[^"\\]|\\.)*")\s+(\S.*)$/.exec(text);
  if (call) {
    const [, id, what] = call;
    const value = {
      jsonrpc: '2.0',
      id: JSON.parse(id),
      ...callOf(arrow, what),
    };
    return message('message', { value });
  }
  const [, word, tail] = /** @type {string[]} */ (/^(\S+)\s*(.*)$/.exec(text));
  switch (word) {
    case 'close':
      return message('close');
    case 'exit': {
      const exit = /^(\d+)\s*(.*)$/.exec(tail);
      if (!exit) throw new Error(`exit takes a code, not "${tail}"`);
      const said = exit[2] ? JSON.parse(exit[2]) : '';
      return message('exit', { code: Number(exit[1]), text: said });
    }
    case 'raw':
      return message('raw', { text: JSON.parse(tail) });
    case 'json':
      return message('json', { value: parseValue(tail) });
    default: {
      const value = { jsonrpc: '2.0', method: word, ...member('params', tail) };
      return message('message', { value });
    }
  }
}

/**
 * Reads what follows the id of a request or a response.
 *
 * @param {string} arrow
 * @param {string} text
 */
function callOf(arrow, text) {
  if (arrow === '>') {
    const [, method, params] = /** @type {string[]} */ (
      /^(\S+)\s*(.*)$/.exec(text)
    );
    return { method, ...member('params', params) };
  }
  const failed = /^error (-?\d+)(?: (NXAC\d{3}))?\s*(.*)$/.exec(text);
  if (!failed) return member('result', text);
  const [, code, diagnostic, quoted] = failed;
  const message = quoted ? parseValue(quoted) : '${string}';
  const data = diagnostic ? { data: { diagnostic } } : {};
  return { error: { code: Number(code), message, ...data } };
}

/**
 * Reads an optional member.
 *
 * @param {string} name
 * @param {string} text
 */
function member(name, text) {
  return text.trim() === '' ? {} : { [name]: parseValue(text) };
}

/**
 * Reads JSON with `...` in it.
 *
 * @param {string} text
 */
function parseValue(text) {
  const json = text.replace(/"(?:[^"\\]|\\.)*"|\.\.\./g, (token) =>
    token === rest ? `${JSON.stringify(rest)}:0` : token,
  );
  try {
    return JSON.parse(json);
  } catch (cause) {
    const { message } = /** @type {Error} */ (cause);
    throw new Error(`${message} in ${text}`, { cause });
  }
}

const entries =
  /^("(?:[^"\\]|\\.)*"|\S+?)(\/?)(?: ([0-7]{3}))?(?: -> (.*)| ("(?:[^"\\]|\\.)*"))?$/;

/**
 * Reads a line of a tree. A path with spaces is in quotes.
 *
 * @param {string} text
 * @returns {Entry}
 */
function parseEntry(text) {
  const match = entries.exec(text);
  if (!match) {
    throw new Error(
      `${text} is not \`PATH [MODE] "CONTENT"\`, \`PATH -> TARGET\` or \`PATH/ [MODE]\``,
    );
  }
  const [, written, slash, digits, target, content] = match;
  const path = written.startsWith('"') ? JSON.parse(written) : written;
  const mode = digits ? parseInt(digits, 8) : undefined;
  if (slash) return { path, mode: mode ?? 0o755 };
  if (target !== undefined) return { path, target };
  if (content === undefined) {
    throw new Error(
      `${path} has no content, and is neither a link nor a folder`,
    );
  }
  return { path, mode: mode ?? 0o644, content: JSON.parse(content) };
}

exports.folder = folder;
exports.loadSessions = loadSessions;
exports.parseSession = parseSession;
exports.rest = rest;
