'use strict';

// What the azure block of nx.json shall hold. Pure: no files, no terminal.

const { printable } = require('../../lib/printable');
const { allowed, isValid } = require('./check');

/** @typedef {Record<string, unknown>} Block */
/** @typedef {keyof import('./schema').InitGeneratorSchema} Key */

/**
 * In the order in which the keys are written.
 *
 * @type {Key[]}
 */
const KEYS = [
  'container',
  'accountName',
  'endpoint',
  'prefix',
  'credential',
  'cloud',
  'localMode',
  'ciMode',
  'maxArtifactSize',
  'include',
  'exclude',
];

const DEFAULTS = { localMode: 'read-write', ciMode: 'read-write' };

/**
 * The value as an error may show it. Connection strings, SAS and keys are long or have one of these characters.
 *
 * @param {unknown} value
 * @returns {string}
 */
function shown(value) {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value !== 'string') return typeof value;
  return /^[^=;?&@%+]{0,63}$/.test(value)
    ? printable(JSON.stringify(value))
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
  if (isValid(key, value)) return null;
  return `${key} must be ${allowed(key)}; got ${shown(value)}`;
}

/**
 * The options that were given, in nx.json's spelling. An empty one was not: a script hands on a variable that is not set.
 *
 * @param {import('./schema').InitGeneratorSchema} options
 * @returns {Block}
 */
function readOptions(options) {
  const given = KEYS.filter((key) => !isEmpty(options[key])).map(
    (key) => /** @type {const} */ ([key, spelled(key, options[key])]),
  );
  const problems = given.flatMap(([key, value]) => problem(key, value) ?? []);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return Object.fromEntries(given);
}

/** @param {unknown} value */
const isEmpty = (value) =>
  value === undefined ||
  value === '' ||
  (Array.isArray(value) && value.length === 0);

/**
 * @param {Key} key
 * @param {unknown} value
 */
function spelled(key, value) {
  if (value === 'read' && key.endsWith('Mode')) return 'read-only';
  if (typeof value !== 'string') return value;
  if (key === 'include' || key === 'exclude') return value.split(',');
  // What the command line gives is a text.
  if (key === 'maxArtifactSize' && /^\d+$/.test(value)) return Number(value);
  return value;
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
    (key) =>
      wanted[key] !== undefined &&
      JSON.stringify(wanted[key]) !== JSON.stringify(block[key]),
  );
  return Object.fromEntries(keys.map((key) => [key, wanted[key]]));
}

module.exports = { DEFAULTS, changes, problem, readOptions, shown };
