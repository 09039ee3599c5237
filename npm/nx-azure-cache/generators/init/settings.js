'use strict';

// The keys of the azure block that `init` writes, and the options for them. Pure: no files,
// no terminal.

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
 * The options that were given, spelled as in nx.json. Empty options count as not given,
 * because scripts pass on unset variables.
 *
 * @param {import('./schema').InitGeneratorSchema} options
 * @returns {Block}
 */
function readOptions(options) {
  return Object.fromEntries(
    KEYS.filter((key) => !isEmpty(options[key])).map((key) => [
      key,
      toNxJson(key, options[key]),
    ]),
  );
}

/** @param {unknown} value */
const isEmpty = (value) =>
  value === undefined ||
  (typeof value === 'string' && value.trim() === '') ||
  (Array.isArray(value) && value.length === 0);

/**
 * @param {Key} key
 * @param {unknown} value
 */
function toNxJson(key, value) {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (text === 'read' && key.endsWith('Mode')) return 'read-only';
  if (key === 'include' || key === 'exclude') return text.split(',');
  // The command line passes numbers as strings.
  if (key === 'maxArtifactSize' && /^\d+$/.test(text)) return Number(text);
  return text;
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

module.exports = { DEFAULTS, changes, readOptions };
