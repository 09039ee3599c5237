'use strict';

/** The most characters of a foreign message that a line shows. */
const longest = 2_000;

/**
 * The message of a thrown value, or of a reason that was sent. It is never empty: foreign
 * code may throw values that are not errors, or send something else than a reason.
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

/**
 * The first line of that message.
 *
 * @param {unknown} value
 */
function firstLine(value) {
  return reasonOf(value).split('\n', 1)[0];
}

exports.firstLine = firstLine;
exports.reasonOf = reasonOf;
