'use strict';

// Makes foreign strings safe to print: names and versions in a checkout, the output of a
// child process, values of settings. The Go package cache/printable does the same; the
// tests of both read testdata/printable.

/**
 * Characters that a terminal obeys or that are invisible: controls, line ends, characters
 * that change the direction of text or have no width, lone surrogates.
 */
const hidden =
  /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\p{Default_Ignorable_Code_Point}/gu;

/**
 * The first character of what a CI executes wherever it stands in a line: "##vso[" for Azure
 * Pipelines, "##[" for GitHub and Azure Pipelines, "##teamcity[". Where a line begins with
 * "::", GitHub executes it.
 */
const commandOfCI = /#(?=#[\w.-]*\[)/g;

/** The escapes that Go spells with a letter. */
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
 * Escapes a string for a terminal, on one line, and for the log of a CI.
 *
 * @param {string} text
 */
function printable(text) {
  return text.replace(commandOfCI, '\\x23').replace(hidden, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    const hex = code.toString(16);
    if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'; // as in UTF-8
    if (code > 0xffff) return `\\U${hex.padStart(8, '0')}`;
    if (code > 0x7f) return `\\u${hex.padStart(4, '0')}`;
    return names.get(character) ?? `\\x${hex.padStart(2, '0')}`;
  });
}

/**
 * Joins the lines of a message with "; " and escapes it.
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
 * Escapes text with several lines, such as a log. Line ends and tabs stay.
 *
 * @param {string} text
 */
function printableLines(text) {
  return text
    .replace(/^([ \t]*):(?=:)/gm, '$1\\x3a')
    .replace(/[^\n\t]+/g, printable);
}

/**
 * Formats JSON with the characters escaped that a terminal obeys.
 *
 * @param {unknown} value
 * @param {number} [indent]
 */
function printableJson(value, indent) {
  const text = JSON.stringify(value, null, indent);
  return text
    .replace(commandOfCI, '\\u0023')
    .replace(hidden, (character) =>
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
 * Formats a command for people to paste. Each %s in the template becomes a value, quoted
 * if a shell would read it as more than one word. Returns undefined if a value cannot be
 * quoted safely.
 *
 * @param {string} template
 * @param {...string} values
 */
function command(template, ...values) {
  const words = values.map(quoteWord);
  if (words.includes(undefined)) return undefined;
  return template.replace(/%s/g, () => words.shift() ?? '');
}

/**
 * Quotes a value as one word of a command line, so that sh, bash, zsh, PowerShell and
 * cmd.exe run nothing in it. cmd.exe does not know single quotes, PowerShell treats curly
 * quotes as quotes, and zsh replaces a word that begins with "=" by a program's path.
 *
 * @param {string} value
 */
function quoteWord(value) {
  const isForAll = printable(value) === value && !/^-|[‘’‚‛“”„]/.test(value);
  if (!isForAll) return undefined;
  if (/^(?!=)[A-Za-z0-9_./:=@%+,-]+$/.test(value)) return value;
  if (!/[$`\\"!]/.test(value)) return `"${value}"`;
  if (/[&|<>^]/.test(value)) return undefined;
  return `'${value.replaceAll("'", `'"'"'`)}'`;
}

/**
 * Formats a number of bytes for people, such as "1.2 MB" and "512 B". The units are
 * decimal, as in the settings of nx.json.
 *
 * @param {number} bytes
 */
function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let unit = 1000;
  for (const name of ['KB', 'MB', 'GB']) {
    // 999,950 bytes are rounded to 1.0 MB, not to 1000.0 KB.
    const tenths = Math.round(bytes / (unit / 10));
    if (tenths < 10_000) return `${(tenths / 10).toFixed(1)} ${name}`;
    unit *= 1000;
  }
  return `${(bytes / unit).toFixed(1)} TB`;
}

/**
 * Formats a time for people, such as "0.4 s", "12 s", "12 min 30 s" and "3 h 5 min".
 *
 * @param {number} milliseconds
 */
function duration(milliseconds) {
  // 9,950 ms are rounded to 10 s, not to 10.0 s.
  const tenths = Math.round(milliseconds / 100);
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.round(milliseconds / 60_000);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600
    ? units(seconds, 'min', 's')
    : units(minutes, 'h', 'min');
}

/**
 * @param {number} count of the smaller unit
 * @param {string} large a unit of 60 smaller ones
 * @param {string} small
 */
function units(count, large, small) {
  const whole = `${Math.floor(count / 60)} ${large}`;
  return count % 60 ? `${whole} ${count % 60} ${small}` : whole;
}

module.exports = {
  command,
  duration,
  printable,
  printableJson,
  printableLine,
  printableLines,
  size,
};
