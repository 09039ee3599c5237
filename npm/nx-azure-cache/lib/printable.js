'use strict';

// Makes strings of others safe to show: names and versions in a checkout, what a
// child process writes, values of settings. It does what the Go package
// cache/printable does; the tests of both read testdata/printable.

/**
 * What acts on a terminal or cannot be seen: controls, line ends, what changes the
 * direction of text, what has no width, lone surrogates.
 */
const hidden =
  /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\p{Default_Ignorable_Code_Point}/gu;

/** The escapes that have a name in Go. */
const names = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\v', '\\v'],
  ['\f', '\\f'],
  ['\r', '\\r'],
]);

/**
 * A value as a terminal only shows it, on one line.
 *
 * @param {string} text
 */
function printable(text) {
  return text.replace(hidden, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    const hex = code.toString(16);
    if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'; // as in UTF-8
    if (code > 0xffff) return `\\U${hex.padStart(8, '0')}`;
    if (code > 0x7f) return `\\u${hex.padStart(4, '0')}`;
    return names.get(character) ?? `\\x${hex.padStart(2, '0')}`;
  });
}

/**
 * A message on one line, with "; " between its lines.
 *
 * @param {string} text
 */
function printableLine(text) {
  if (!text.includes('\n')) return printable(text);
  const lines = text
    .split('\n')
    .map((line) => line.replace(/^[ \t\r]+|[ \t\r]+$/g, ''))
    .filter((line) => line !== '');
  return printable(lines.join('; '));
}

/**
 * What may have many lines, such as a log: line ends and tabs stay.
 *
 * @param {string} text
 */
function printableLines(text) {
  return text.replace(/[^\n\t]+/g, printable);
}

/**
 * JSON in which what a terminal obeys is escaped.
 *
 * @param {unknown} value
 * @param {number} [indent]
 */
function printableJson(value, indent) {
  return JSON.stringify(value, null, indent).replace(hidden, (character) =>
    character === '\n'
      ? character
      : Array.from(
          { length: character.length },
          (_, i) =>
            `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
        ).join(''),
  );
}

/**
 * A command for people to paste: a template in which each %s stands for a value, in
 * quotes if a shell would read it as more than a word. Undefined where a value cannot
 * be pasted.
 *
 * @param {string} template
 * @param {...string} values
 */
function command(template, ...values) {
  const words = values.map(word);
  if (words.includes(undefined)) return undefined;
  return template.replace(/%s/g, () => words.shift() ?? '');
}

/**
 * A value as one word of a command line. sh, bash, zsh and PowerShell run nothing that
 * is in it, and cmd.exe neither: for that single quotes are no quotes. For PowerShell
 * curly quotes are quotes, for zsh a word that begins with "=" is a program's path.
 *
 * @param {string} value
 */
function word(value) {
  const isForAll = printable(value) === value && !/^-|[‘’‚‛“”„]/.test(value);
  if (!isForAll) return undefined;
  if (/^(?!=)[A-Za-z0-9_./:=@%+,-]+$/.test(value)) return value;
  if (!/[$`\\"!]/.test(value)) return `"${value}"`;
  if (/[&|<>^]/.test(value)) return undefined;
  return `'${value.replaceAll("'", `'"'"'`)}'`;
}

module.exports = {
  command,
  printable,
  printableJson,
  printableLine,
  printableLines,
};
