'use strict';

// What the azure block of nx.json shall hold. Pure: no files, no terminal.

/** @typedef {Record<string, unknown>} Block */
/** @typedef {keyof import('./schema').InitGeneratorSchema} Key */

const MODES = ['read-write', 'read-only', 'no-cache'];
const MODE_RULE = {
  allowed: `one of ${MODES.join(', ')}`,
  test: (/** @type {string} */ value) => MODES.includes(value),
};

/**
 * In the order in which the keys are written.
 *
 * @type {Record<Key, { allowed: string, test: (value: string) => boolean }>}
 */
const RULES = {
  container: {
    allowed:
      '3 to 63 lowercase letters, digits and single hyphens, with a letter or digit at both ends',
    test: (value) => /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(value),
  },
  accountName: {
    allowed: '3 to 24 lowercase letters and digits',
    test: (value) => /^[a-z0-9]{3,24}$/.test(value),
  },
  endpoint: {
    allowed:
      'an https URL without user, query and fragment, such as https://nxcache.blob.core.windows.net',
    test: (value) =>
      /^https:\/\/[^\s/?#@][^\s?#@]*$/.test(value) && URL.canParse(value),
  },
  prefix: {
    allowed:
      'at most 512 letters, digits, ".", "_" and "-" in names separated by single slashes, no name beginning with "."',
    test: (value) =>
      value.length <= 512 && /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(value),
  },
  localMode: MODE_RULE,
  ciMode: MODE_RULE,
};

const KEYS = /** @type {Key[]} */ (Object.keys(RULES));
const DEFAULTS = { localMode: 'read-write', ciMode: 'read-write' };

/**
 * The value as an error may show it. Connection strings, SAS and keys are long or have one of these characters.
 *
 * @param {unknown} value
 */
function shown(value) {
  if (typeof value !== 'string') return typeof value;
  return /^[^=;?&@%+]{0,63}$/.test(value)
    ? JSON.stringify(value)
    : `a value of ${value.length} characters, not shown because it may hold a secret`;
}

/**
 * What is wrong with a value, or null.
 *
 * @param {Key} key
 * @param {unknown} value
 * @returns {string | null}
 */
function problem(key, value) {
  const { allowed, test } = RULES[key];
  if (typeof value === 'string' && test(value)) return null;
  return `${key} must be ${allowed}; got ${shown(value)}`;
}

/**
 * The options that were given, in nx.json's spelling.
 *
 * @param {import('./schema').InitGeneratorSchema} options
 * @returns {Block}
 */
function readOptions(options) {
  const given = KEYS.filter((key) => options[key] !== undefined).map((key) => {
    const value = options[key];
    return /** @type {const} */ ([
      key,
      value === 'read' && RULES[key] === MODE_RULE ? 'read-only' : value,
    ]);
  });
  const problems = given.flatMap(([key, value]) => problem(key, value) ?? []);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return Object.fromEntries(given);
}

/**
 * What the cache cannot do without and the block does not say.
 *
 * @param {Block} block
 * @param {NodeJS.ProcessEnv} env
 * @returns {Key[]}
 */
function missingKeys(block, env) {
  /** @type {Key[]} */
  const missing = [];
  if (!block.container) missing.push('container');
  if (
    !block.accountName &&
    !block.endpoint &&
    !env.AZURE_STORAGE_CONNECTION_STRING
  ) {
    missing.push('accountName');
  }
  return missing;
}

/**
 * The entries to write so that `block` holds `wanted`.
 *
 * @param {Block} block
 * @param {Block} wanted
 * @returns {Block}
 */
function changes(block, wanted) {
  const keys = KEYS.filter(
    (key) => wanted[key] !== undefined && wanted[key] !== block[key],
  );
  return Object.fromEntries(keys.map((key) => [key, wanted[key]]));
}

module.exports = { DEFAULTS, changes, missingKeys, problem, readOptions };
