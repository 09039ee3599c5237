'use strict';

// Reports words that docs/terms.md replaces: node scripts/check-words.js [--source]
// It also reports prose in Markdown beyond column 100.
//
// It reads Markdown; with --source also Go and JavaScript. words-to-clean.txt lists the
// paths that are not clean yet: a file, everything in a folder (a/), or the files of one
// folder (a/*). When a path is clean, remove it from the list.

const fs = require('node:fs');
const path = require('node:path');
const { runMain } = require('./kit/cleanup');
const { root } = require('./kit/root');
const { run } = require('./kit/run');

/** @type {[RegExp, string][]} what to find, and what to write instead */
const words = [
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/(?<!\.)\b(nobody|somebody)\b/i, 'anonymous, no one, or the actor'],
  [/\bwhoever\b/i, 'anyone who'],
  [/\b(he|him|his|himself)\b/i, 'they'],
  [/\b(is|are|was|were|be|been) told\b/i, 'report, print, or say who reports'],
  [/\bg(ives?|ave|iving|iven) up\b/i, 'stop, fail'],
  [/\bst(ands?|ood) for\b/i, 'is, means'],
  [/\bcosts? (a|one|no) line\b/i, 'trigger a warning, print a line'],
  [/\bof which\b/i, 'two sentences'],
  [/\bthe world\b/i, 'the noun'],
  [/\btroubles?\b/i, 'problem, error'],
  [/\bbelongs? into\b/i, 'belongs in'],
  [/\bin some (seconds|minutes)\b/i, 'within seconds'],
  [/\b(texts|(a|empty) text(?! (file|editor)))\b/i, 'string'],
  [/\blicence/i, 'license'],
  [
    /\b(an|the|no|its|first|every|each|another) answer\b|\banswers? [1-5]\d\d/i,
    'response',
  ],
];

/**
 * @param {string} text of a file
 * @returns {string[]} one line for each word found
 */
function check(text) {
  return text.split('\n').flatMap((line, i) =>
    words.flatMap(([word, instead]) => {
      const found = word.exec(line);
      return found ? [`${i + 1}: "${found[0]}": write ${instead}`] : [];
    }),
  );
}

/**
 * Lines of prose that are too wide and could be broken. Tables, code and lines that end
 * with a long link or command stay.
 *
 * @param {string} text of a page
 */
function tooWide(text) {
  let isCode = false;
  return text.split('\n').flatMap((line, i) => {
    if (/^ *```/.test(line)) isCode = !isCode;
    const isProse = !isCode && !/^(\||#| {4})/.test(line);
    const breakable = /^.{60,} [^`\]]*$/.test(line);
    if (!isProse || line.length <= 100 || !breakable) return [];
    return [`${i + 1}: wrap this line at column 100`];
  });
}

/**
 * @param {string} entry of words-to-clean.txt
 * @param {string} file
 */
const covers = (entry, file) =>
  entry.endsWith('/*')
    ? path.posix.dirname(file) === entry.slice(0, -2)
    : entry === file || (entry.endsWith('/') && file.startsWith(entry));

/** These files contain the words because they list them. */
const exempt = /^(docs\/terms\.md|scripts\/check-words\.(test\.)?js)$/;

async function main() {
  const source = process.argv.includes('--source');
  const listed = ['-co', '--exclude-standard', '--', '*.md'];
  if (source) listed.push('*.go', '*.js');
  const { stdout } = await run('git', ['ls-files', ...listed]);
  const files = stdout
    .split('\n')
    .filter((file) => fs.existsSync(path.join(root, file)) && file !== '')
    .filter((file) => !exempt.test(file));
  const list = path.join(__dirname, 'words-to-clean.txt');
  const toClean = fs.readFileSync(list, 'utf8').trim().split(/\n/);
  const used = new Set();
  const problems = [];
  for (const file of files) {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    const found = check(text);
    if (file.endsWith('.md')) found.push(...tooWide(text));
    if (found.length === 0) continue;
    const excused = toClean.filter((entry) => covers(entry, file));
    for (const entry of excused) used.add(entry);
    if (excused.length > 0) continue;
    problems.push(...found.map((line) => `${file}:${line}`));
  }
  for (const entry of toClean) {
    if (entry === '' || used.has(entry)) continue;
    if (source || entry.endsWith('.md')) {
      problems.push(`words-to-clean.txt: ${entry} is clean: remove the line`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  console.log(`no words to avoid in ${files.length} files`);
}

if (require.main === module) runMain(main);

module.exports = { check, tooWide };
