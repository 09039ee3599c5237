'use strict';

// Reads the pages, for the tests beside this file.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../kit/root');

/** All pages for people, relative to the repository. */
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'CODE_OF_CONDUCT.md',
  'SECURITY.md',
  ...fs
    .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.posix.join('docs', ...name.split(path.sep)))
    .sort(),
];

/** @param {string} name relative to the repository */
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');

/**
 * Finds the code blocks of a language, without fences and without the indentation of lists.
 *
 * @param {string} text
 * @param {string} language
 */
const blocks = (text, language) =>
  [...text.matchAll(/^( *)```(\w+)\n(.*?)^\1```$/gms)]
    .filter(([, , of]) => of === language)
    .map(([, indent, , code]) =>
      code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    );

/** @param {string} text */
const withoutCode = (text) => text.replaceAll(/^( *)```.*?^\1```$/gms, '');

/**
 * Lists the anchors that GitHub makes from the headings of a page.
 *
 * @param {string} text
 */
const anchors = (text) =>
  [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );

module.exports = { anchors, blocks, pages, read, withoutCode };
