'use strict';

// Checks CHANGELOG.md and .editorconfig.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { parseChangelog } = require('../release/changelog');
const { read } = require('./pages');

const { repository, version } = JSON.parse(read('package.json'));
const address = repository.url.replace(/^git\+|\.git$/g, '');

describe('CHANGELOG.md', () => {
  const { releases, links } = parseChangelog(read('CHANGELOG.md'));
  const [unreleased, ...versions] = releases;

  test('has a section for unreleased changes, and one for this version', () => {
    assert.equal(unreleased.version, 'Unreleased');
    assert.equal(versions[0].version, version);
  });

  test('goes from the newest version to the oldest, and only the newest may lack a date', () => {
    for (const [i, { version, date }] of versions.entries()) {
      if (i === 0) continue;
      assert.ok(date, version);
      assert.ok(date <= (versions[i - 1].date || '9999'), version);
      const order = versions[i - 1].version.localeCompare(version, 'en', {
        numeric: true,
      });
      assert.ok(order > 0, version);
    }
    for (const { date } of versions.filter(({ date }) => date)) {
      assert.equal(new Date(date).toISOString().slice(0, 10), date);
    }
  });

  test('groups the changes as its format says', () => {
    const known = 'Added Changed Deprecated Removed Fixed Security'.split(' ');
    for (const { version, notes } of versions) {
      const groups = Array.from(
        notes.matchAll(/^### (.*)$/gm),
        ([, name]) => name,
      );
      assert.ok(groups.length > 0, version);
      for (const group of groups) assert.ok(known.includes(group), group);
    }
  });

  test('links each version', () => {
    assert.deepEqual(
      Object.keys(links),
      releases.map(({ version }) => version),
    );
    assert.equal(links.Unreleased, `${address}/compare/v${version}...HEAD`);
    const [{ version: first }] = versions.slice(-1);
    assert.equal(links[first], `${address}/releases/tag/v${first}`);
  });
});

describe('.editorconfig', () => {
  test('matches Prettier and gofmt', () => {
    const text = read('.editorconfig');
    const [, general, go] = text.split(/^\[.*\]$/m);
    const settings = (/** @type {string} */ section) =>
      Object.fromEntries(
        [...section.matchAll(/^(\w+) = (.*)$/gm)].map(([, key, value]) => [
          key,
          value,
        ]),
      );
    assert.match(text, /^root = true$/m);
    assert.deepEqual(settings(general), {
      charset: 'utf-8',
      end_of_line: 'lf',
      insert_final_newline: 'true',
      trim_trailing_whitespace: 'true',
      indent_style: 'space',
      indent_size: '2', // Prettier's default: .prettierrc.json has no tabWidth
    });
    assert.ok(!('tabWidth' in JSON.parse(read('.prettierrc.json'))));
    assert.deepEqual(settings(go), { indent_style: 'tab' });
  });

  test('holds for every file', async () => {
    const { stdout } = await run('git', ['ls-files', '--eol']);
    const files = stdout
      .split('\n')
      .map((line) => /^i\/(\S+)\s+\S+\s+attr\/.*\t(.*)$/.exec(line))
      .filter((match) => match !== null)
      .filter(([, , file]) => !file.startsWith('testdata/'));
    assert.ok(files.length > 300);
    for (const [, ends, file] of files) {
      if (ends === '-text') continue; // a picture
      assert.match(ends, /^(lf|none)$/, file);
      if (!fs.existsSync(path.join(root, file))) continue;
      const text = read(file);
      assert.ok(
        text === '' || text.endsWith('\n'),
        `${file}: no final newline`,
      );
      assert.doesNotMatch(text, /[ \t]$/m, `${file}: trailing whitespace`);
    }
  });
});
