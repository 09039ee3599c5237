'use strict';

/** Characters of what others say that a line shows. */
const longest = 2_000;

/**
 * What a value says that was thrown, or sent as a reason. It is never empty: code of
 * others throws what is no Error, and sends no reason or an object in its place.
 *
 * @param {unknown} value
 * @returns {string}
 */
function reasonOf(value) {
  if (typeof value === 'string') return shorten(value) || 'no reason given';
  if (typeof value !== 'object' || value === null) return 'no reason given';
  const { message, code, name } = /** @type {NodeJS.ErrnoException} */ (value);
  for (const text of [message, code, name]) {
    if (typeof text === 'string' && shorten(text)) return shorten(text);
  }
  return 'no reason given';
}

/** @param {string} text */
function shorten(text) {
  const trimmed = text.trim();
  if (trimmed.length <= longest) return trimmed;
  return `${trimmed.slice(0, longest - 1)}…`;
}

exports.reasonOf = reasonOf;
