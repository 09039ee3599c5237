'use strict';

// Finds the code of the pages: blocks, and the commands in blocks and in prose.

const { pages, read, withoutCode } = require('./pages');

const all = [
  ...pages,
  'npm/powerpack-azure-cache/README.md',
  'scripts/kit/README.md',
  'scripts/workspace/README.md',
  'testdata/license/README.md',
  'testdata/rpc/README.md',
];

/** @typedef {{ page: string, language: string, code: string }} Block */

/** @type {Block[]} */
const blocks = all.flatMap((page) =>
  [...read(page).matchAll(/^( *)```([\w-]*)\n(.*?)^\1```$/gms)].map(
    ([, indent, language, code]) => ({
      page,
      language,
      code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  ),
);

/** Commands in lines of prose. */
const inline = all.flatMap((page) =>
  [...withoutCode(read(page)).matchAll(/`([^`\n]+)`/g)]
    .map(([, code]) => ({ page, code }))
    .filter(({ code }) =>
      /^([A-Z_]+=\S+ )*(npx |(pnpm|yarn|bunx?) (?!exec$|nx$)|nx-azure-cache [a-z]|openssl |npm |node (--|scripts)|go (run|test|doc|build) |az (?!does )|gh |terraform |git )/.test(
        code,
      ),
    ),
);

/** Commands of this package in YAML, each in a line of its own. */
const inYaml = blocks
  .filter(({ language }) => language === 'yaml')
  .flatMap(({ page, code }) =>
    [...code.matchAll(/(npx nx.*)$/gm)].map(([, code]) => ({ page, code })),
  );

/**
 * Lists the simple commands of a script, including those in `$(…)`, without comments, line
 * continuations and here-documents.
 *
 * @param {string} script
 */
function commandsOf(script) {
  /** @type {string[]} */
  const inner = [];
  const outer = script
    .replaceAll(/<<'(\w+)'\n.*?^\1$/gms, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .replaceAll(/(^|\s)#.*$/gm, '')
    .replaceAll(/\$\(([a-z][^()]*(?:\([^()]*\)[^()]*)*)\)/g, (_, command) => {
      inner.push(command);
      return 'X';
    });
  return [outer, ...inner]
    .flatMap((text) => text.split(/\n|&&|\|\||;(?=\s)| \| /))
    .map((command) => command.trim().replace(/^(do|then)\s+|^\S+\)\s+/, ''))
    .filter((command) => /\w/.test(command));
}

/** @type {{ page: string, command: string }[]} */
const commands = [
  ...blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ page, code }) =>
      commandsOf(code).map((command) => ({ page, command })),
    ),
  ...[...inline, ...inYaml].flatMap(({ page, code }) =>
    commandsOf(code).map((command) => ({ page, command })),
  ),
];

module.exports = { blocks, commands, commandsOf };
