'use strict';

// npm run pictures: writes the pictures of README.md from a run of the demo.
//
// They are SVG, drawn as a terminal, with dark colours where the reader's page is dark.
// scripts/demo.test.js compares their text with each run of the demo.

const fs = require('node:fs');
const path = require('node:path');
const { runMain } = require('./kit/cleanup');
const { root } = require('./kit/root');
const { attempt } = require('./kit/run');

const folder = path.join(root, 'docs', 'pictures');

/** The rows of `doctor` to show, by the beginning of their second column. */
const rows = [
  'the package Nx loads',
  'license',
  'scope of this run',
  'read in trusted',
  'other runs',
];

/** @type {Record<string, string>} first words of lines and cells, and their colours */
const colours = { ok: 'good', exposed: 'bad', '✔': 'good', $: 'prompt' };

/**
 * The lines of each picture, by its name.
 *
 * @param {string} output of the demo with --doctor
 * @returns {Record<string, string[]>}
 */
function pictures(output) {
  const lines = output.split('\n').map((line) => line.trimEnd());
  const table = lines.findIndex((line) => /^ *task +machine A/.test(line));
  if (table < 0) throw new Error('the demo printed no table');
  return {
    demo: ['$ npm run demo', '…', ...lines.slice(table)].filter(Boolean),
    doctor: ['$ npx nx-azure-cache doctor', ...ofDoctor(lines)],
  };
}

/**
 * The verdict, and the rows to show with narrower columns.
 *
 * @param {string[]} lines
 */
function ofDoctor(lines) {
  const table = lines
    .map((line) => /^ {2}(\w+) +(\S.*?) {2,}(\S.*)$/.exec(line)?.slice(1) ?? [])
    .filter(([, name]) => name);
  const shown = rows.map((name) => {
    const found = table.find(([, cell]) => cell.startsWith(name));
    if (!found) throw new Error(`doctor has no row "${name}"`);
    return found;
  });
  const widths = [0, 1].map((i) =>
    Math.max(...shown.map((cells) => cells[i].length)),
  );
  const verdict = lines.find((line) => line.startsWith('The remote cache '));
  if (!verdict) throw new Error('doctor has no verdict');
  return [
    verdict,
    '…',
    ...shown.map(
      ([state, name, text]) =>
        `  ${state.padEnd(widths[0])}  ${name.padEnd(widths[1])}  ${shortened(text)}`,
    ),
  ];
}

/**
 * The part of a cell that fits into a picture, without the number of a fix.
 *
 * @param {string} text
 */
function shortened(text) {
  const line = text.replace(/ \[\d+\]$/, '');
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

/** @param {string} text */
const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * Draws a terminal with these lines.
 *
 * @param {string} title for people who cannot see it
 * @param {string[]} lines
 */
function svg(title, lines) {
  const width = Math.ceil(
    32 + 8.43 * Math.max(...lines.map((line) => line.length)),
  );
  const height = 24 + 20 * lines.length;
  const body = lines.map((line, i) => {
    const [, space, word, rest] = /^( *)(\S*)(.*)$/.exec(line) ?? [];
    const colour = colours[word];
    const first = colour
      ? `<tspan class="${colour}">${escape(word)}</tspan>`
      : escape(word);
    return `  <text x="16" y="${28 + 20 * i}" xml:space="preserve">${space}${first}${escape(rest)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${escape(title)}</title>
  <style>
    rect { fill: #f6f8fa; stroke: #d0d7de; }
    text { fill: #1f2328; font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }
    .good { fill: #1a7f37; }
    .bad { fill: #cf222e; }
    .prompt { fill: #656d76; }
    @media (prefers-color-scheme: dark) {
      rect { fill: #161b22; stroke: #30363d; }
      text { fill: #e6edf3; }
      .good { fill: #3fb950; }
      .bad { fill: #f85149; }
      .prompt { fill: #8d96a0; }
    }
  </style>
  <rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
${body.join('\n')}
</svg>
`;
}

/**
 * The lines in a picture, unescaped.
 *
 * @param {string} picture
 */
const linesOf = (picture) =>
  Array.from(picture.matchAll(/<text [^>]*>(.*)<\/text>/g), ([, line]) =>
    line
      .replaceAll(/<[^>]*>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&'),
  );

/**
 * Lines as two runs have them in common: without times, dates, sizes and ports.
 *
 * @param {string[]} lines
 */
const normalised = (lines) =>
  lines.map((line) =>
    line
      .replaceAll(/\d+([.:-]\d+)*/g, '0')
      .replaceAll(/[ ─]+/g, ' ')
      .trim(),
  );

/** @param {string} name */
const read = (name) =>
  fs.readFileSync(path.join(folder, `${name}.svg`), 'utf8');

async function main() {
  const { code, output } = await attempt(
    process.execPath,
    [path.join(__dirname, 'demo.js'), '--doctor'],
    { echo: true },
  );
  if (code !== 0) throw new Error(`the demo ended with ${code}`);
  for (const [name, lines] of Object.entries(pictures(output))) {
    const file = path.join(folder, `${name}.svg`);
    fs.writeFileSync(file, svg(`Output of ${lines[0].slice(2)}`, lines));
    console.log(`wrote ${path.relative(root, file)}`);
  }
}

if (require.main === module) runMain(main);

module.exports = { linesOf, normalised, pictures, read, svg };
