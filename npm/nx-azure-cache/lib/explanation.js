'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { docs, urlOf } = require('./diagnostics');

// What `help CODE` prints: the section of docs/troubleshooting.md about the code of a line.
// The package contains the page, so that it needs no network, and no binary either: one
// code says that the binary is missing. This file knows Markdown only as far as that page
// uses it.

/** The folder of the page in the package, and in this repository. */
const folders = ['..', '../../../docs'];

/** What someone may type as a code. No command has such a name. */
const typed = /^(?:nxac)?-?([0-9]{1,4})$/i;

/** @returns {string} */
function readPage() {
  const files = folders.map((folder) =>
    path.join(__dirname, folder, 'troubleshooting.md'),
  );
  const file = files.find((name) => fs.existsSync(name)) ?? files[0];
  return fs.readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
}

/**
 * The sections by code, in the order of the page, in Markdown.
 *
 * @param {string} page
 * @returns {Map<string, string>}
 */
function sectionsOf(page) {
  const sections = new Map();
  for (const part of page.split(/^(?=#{2,} )/m)) {
    const [, code, text] = /^### (NXAC[0-9]{3})\n(.*)$/s.exec(part) ?? [];
    if (code) sections.set(code, text.trim());
  }
  return sections;
}

/** Matches code, marks of emphasis, and links. It captures the text and target of a link. */
const inline = /``.*?``|`[^`]*`|\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]*)\)|\*+/g;

/**
 * Markdown as people read it on a terminal. Code keeps its marks: they show where a quoted
 * line begins and ends.
 *
 * @param {string} markdown
 * @returns {string}
 */
function plain(markdown) {
  return markdown.replace(inline, (found, text, target) => {
    if (found.startsWith('*')) return '';
    return target ? `${plain(text)} (${addressOf(target)})` : found;
  });
}

/** @param {string} target of a link on the page */
function addressOf(target) {
  if (target.includes('://')) return target;
  return docs + (target.startsWith('#') ? 'troubleshooting.md' : '') + target;
}

/**
 * The first sentence of a section, which says what its code means.
 *
 * @param {string} section
 */
function titleOf(section) {
  const [, title = ''] = /^\*\*(.*?)\*\*/s.exec(section) ?? [];
  return plain(title).replaceAll('\n', ' ');
}

/**
 * The codes that someone may have meant: those that differ in one digit or in the order of
 * two, or else those of the same chapter.
 *
 * @param {string} code
 * @param {string[]} codes
 */
function near(code, codes) {
  const isNear = (/** @type {string} */ other) => {
    if (other.length !== code.length) return false;
    const at = [...other].flatMap((c, i) => (c === code[i] ? [] : [i]));
    const isSwapped =
      at.length === 2 &&
      at[1] === at[0] + 1 &&
      other[at[0]] === code[at[1]] &&
      other[at[1]] === code[at[0]];
    return at.length <= 1 || isSwapped;
  };
  const ofChapter = codes.filter((other) => other.startsWith(code.slice(0, 6)));
  return [...new Set([...codes.filter(isNear), ...ofChapter])].slice(0, 6);
}

/**
 * What to print for the arguments of the command `help`; undefined unless they are a code.
 *
 * @param {string[]} args
 * @param {string} [page]
 * @returns {{ stdout: string, stderr: string, exitCode: number } | undefined}
 */
function explain(args, page) {
  const [, digits] = (args.length === 1 && typed.exec(args[0])) || [];
  if (digits === undefined) return undefined;
  const code = `NXAC${digits.padStart(3, '0')}`;
  const sections = sectionsOf(page ?? readPage());
  const section = sections.get(code);
  if (section) {
    const stdout = `${code}\n\n${plain(section)}\n\n${urlOf(code)}\n`;
    return { stdout, stderr: '', exitCode: 0 };
  }
  const others = near(code, [...sections.keys()]).map(
    (other) => `  ${other}  ${titleOf(sections.get(other) ?? '')}`,
  );
  const lines = [
    `nx-azure-cache: help: there is no code ${code}; all codes are in ${docs}troubleshooting.md`,
    ...(others.length > 0 ? ['Did you mean one of these?', ...others] : []),
  ];
  return { stdout: '', stderr: `${lines.join('\n')}\n`, exitCode: 2 };
}

exports.explain = explain;
exports.readPage = readPage;
exports.sectionsOf = sectionsOf;
exports.titleOf = titleOf;
