'use strict';

// The rules of schema.json, so that init asks for what a run takes and an editor
// allows. Only what the keys that init writes need of JSON Schema: a whole
// validator would be the largest part of the package. A test compares both.

const schema = require('../../schema.json');

/**
 * @typedef {object} Rule
 * @property {string} [$ref]
 * @property {string | string[]} [type]
 * @property {unknown[]} [enum]
 * @property {string} [pattern]
 * @property {string} [patternErrorMessage]
 * @property {number} [maxLength]
 * @property {number} [minimum]
 * @property {number} [minItems]
 * @property {Rule} [items]
 * @property {Rule} [not]
 * @property {Rule[]} [anyOf]
 * @property {Rule[]} [allOf]
 */

/** @typedef {Exclude<keyof typeof schema.properties, 'timeouts' | 'trust'>} Key */

/** @param {Key} key */
const ruleOf = (key) => /** @type {Rule} */ (schema.properties[key]);

/**
 * Whether a key may have a value.
 *
 * @param {Key} key
 * @param {unknown} value
 */
const isValid = (key, value) => fits(ruleOf(key), value);

/**
 * @param {Rule} rule
 * @param {any} value
 * @returns {boolean}
 */
function fits(rule, value) {
  const { $ref, type, pattern, items, not, anyOf, allOf } = rule;
  const isText = typeof value === 'string';
  const isArray = Array.isArray(value);
  return (
    (!$ref || fits(definition($ref), value)) &&
    (!type || [type].flat().some((name) => isOf(name, value))) &&
    (!rule.enum || rule.enum.includes(value)) &&
    (!pattern || !isText || new RegExp(pattern, 'u').test(value)) &&
    (!rule.maxLength || !isText || value.length <= rule.maxLength) &&
    (rule.minimum === undefined || !(value < rule.minimum)) &&
    (!rule.minItems || !isArray || value.length >= rule.minItems) &&
    (!items || !isArray || value.every((item) => fits(items, item))) &&
    (!not || !fits(not, value)) &&
    (!anyOf || anyOf.some((one) => fits(one, value))) &&
    (!allOf || allOf.every((one) => fits(one, value)))
  );
}

/** @param {string} ref */
function definition(ref) {
  const name = ref.replace('#/definitions/', '');
  const { definitions } = /** @type {{ definitions: Record<string, Rule> }} */ (
    schema
  );
  return definitions[name];
}

/**
 * @param {string} type
 * @param {unknown} value
 */
function isOf(type, value) {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/**
 * What a key may have, for people.
 *
 * @param {Key} key
 * @returns {string}
 */
function allowed(key) {
  const rule = ruleOf(key);
  const all = parts(rule);
  const names = all.find((it) => it.enum)?.enum?.filter((it) => it !== '');
  if (names) return `one of ${names.join(', ')}`;
  const text = all.find((it) => it.patternErrorMessage)?.patternErrorMessage;
  return `${all.some((it) => it.items) ? 'a list, each ' : ''}${text}`;
}

/**
 * A rule and those in it.
 *
 * @param {Rule} rule
 * @returns {Rule[]}
 */
function parts(rule) {
  const { $ref, items, anyOf = [], allOf = [] } = rule;
  const inside = [...anyOf, ...allOf];
  if ($ref) inside.push(definition($ref));
  if (items) inside.push(items);
  return [rule, ...inside.flatMap(parts)];
}

module.exports = { allowed, isValid };
