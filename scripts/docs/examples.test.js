'use strict';

// Every example in the pages is run or read by a test, or a table says why it cannot be:
// examples.js. Commands that are not run are checked for programs, flags and names.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const yaml = require('yaml');
const { summaryLine } = require('../../npm/nx-azure-cache/lib/summary-line');
const { cleanUp, temporaryFolder } = require('../kit/cleanup');
const { run } = require('../kit/run');
const { buildServer } = require('../kit/sessions/programs');
const { blocks, commands, commandsOf } = require('./code');
const examples = require('./examples');
const { read } = require('./pages');

/** @import { Block } from './code' */

const folder = temporaryFolder('examples');
const binary = path.join(folder, 'nx-azure-cache');
const rules = examples.commands(binary);

before(() => buildServer(folder, 'development'));
after(cleanUp);

/** @param {string} command such as `NX_X=1 npx nx …` */
const withoutVariables = (command) =>
  command.replace(/^([A-Z_]+=\S+\s+)+(?=\w)/, '');

/** @param {string} command */
const ruleOf = (command) =>
  rules.find(({ begins }) => begins.test(withoutVariables(command)));

/** @param {Block} block */
const rowOf = ({ page, language, code }) =>
  examples.blocks.find(
    (row) =>
      row.language === language &&
      (row.page?.test(page) ?? true) &&
      (row.has?.test(code) ?? true),
  );

describe('examples', () => {
  test('blocks are in the table', () => {
    for (const block of blocks) {
      const { page, language, code } = block;
      const isChecked = language === 'sh' && commandsOf(code).every(ruleOf);
      assert.ok(
        rowOf(block) || isChecked,
        `${page}: no row of scripts/docs/examples.js says how this block is tested:\n${code}`,
      );
    }
  });

  test('commands are checked', async () => {
    assert.ok(commands.length > 250, `${commands.length}`);
    /** @type {string[]} */
    const problems = [];
    for (const { page, command } of commands) {
      const rule = ruleOf(command);
      try {
        assert.ok(rule, 'no row of scripts/docs/examples.js is for it');
        await rule.check?.(withoutVariables(command));
      } catch (err) {
        const { message } = /** @type {Error} */ (err);
        problems.push(`${page}: ${command}: ${message.split('\n')[0]}`);
      }
    }
    assert.equal(problems.join('\n'), '');
  });

  test('rows of the tables are used', () => {
    const used = new Set(blocks.map(rowOf));
    const unused = examples.blocks.filter((row) => !used.has(row));
    assert.deepEqual(unused, []);
    const rulesUsed = new Set(commands.map(({ command }) => ruleOf(command)));
    const idle = rules.filter((rule) => !rulesUsed.has(rule));
    assert.deepEqual(idle, []);
  });

  test('the tests that the table names exist', () => {
    for (const { by, cannot } of examples.blocks) {
      assert.ok(Boolean(by) !== Boolean(cannot));
      if (!by) continue;
      const [file, name] = by;
      assert.ok(read(file).includes(name), `${file} has no test "${name}"`);
    }
  });

  test('blocks of shell have valid syntax', async () => {
    const scripts = blocks.filter(({ language }) => language === 'sh');
    assert.ok(scripts.length > 40);
    await Promise.all(
      scripts.map(({ code }, i) => {
        const file = path.join(folder, `${i}.sh`);
        fs.writeFileSync(file, code);
        return run('bash', ['-n', file]);
      }),
    );
  });

  test('blocks of YAML are valid', () => {
    for (const { page, language, code } of blocks) {
      if (language !== 'yaml') continue;
      const { errors, warnings } = yaml.parseDocument(code);
      assert.deepEqual([...errors, ...warnings], [], page);
    }
  });

  test('summary lines are as the package prints them', () => {
    const lines = blocks.flatMap(({ code }) =>
      code.split('\n').filter((line) => /^nx-azure-cache: \d+ hits/.test(line)),
    );
    assert.ok(lines.length >= 2);
    const number =
      /(\d+) hits(?: saved (.+?))?, (\d+) misses, (\d+) stored, (.+) read, (.+) written, ([\d.]+) s waited, (\S+), scope (\S+) \((.+)\), (\S+)$/;
    for (const line of lines) {
      const [
        ,
        hits,
        saved,
        misses,
        stored,
        bytesRead,
        written,
        waited,
        ...session
      ] = number.exec(line) ?? [];
      const bytes = (/** @type {string} */ size) => {
        const [value, unit] = size.split(' ');
        return (
          Number(value) *
          { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 }[/** @type {'B'} */ (unit)]
        );
      };
      const milliseconds = (/** @type {string} */ time) =>
        [...time.matchAll(/([\d.]+) (min|s)/g)].reduce(
          (sum, [, n, unit]) => sum + Number(n) * (unit === 's' ? 1e3 : 60e3),
          0,
        );
      const summary = {
        ...{
          hits: Number(hits),
          misses: Number(misses),
          stored: Number(stored),
        },
        ...{ bytesRead: bytes(bytesRead), bytesWritten: bytes(written) },
        saved: saved ? milliseconds(saved) + Number(waited) * 1000 : 0,
      };
      const [mode, scope, scopeReason, location] = session;
      const printed = summaryLine(
        /** @type {any} */ ({ summary, waiting: 0 }),
        /** @type {any} */ ({ mode, scope, scopeReason, location }),
        {
          waited: Number(waited) * 1000,
          localHits: 0,
          unstored: 0,
          readOnlyBy: '',
        },
      );
      assert.equal(line, `nx-azure-cache: ${printed}`);
    }
  });
});
