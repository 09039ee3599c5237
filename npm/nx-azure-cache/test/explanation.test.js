'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');
const { diagnostics, urlOf } = require('../lib/diagnostics');
const {
  explain,
  readPage,
  sectionsOf,
  titleOf,
} = require('../lib/explanation');
const { environment, packageFolder, temporaryFolder } = require('./fixture');

const docs = 'https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/';

const page = `# Page

Text about ### NXAC001 is no section.

## Chapter

### NXAC001

**It is *not* installed,
or \`*\`.** See [a page](setup.md#x), [\`az\`](https://example.com/a), and
[below](#nxac013).

- \`a **line** [of ours](x)\`: *why*.

### NXAC013

**Thirteen.**

## Next chapter

### NXAC014

**Fourteen.**
`;

test('a section is plain text, with whole addresses and unchanged quotes', () => {
  const text = [
    'NXAC001\n\nIt is not installed,\nor `*`.',
    `See a page (${docs}setup.md#x), \`az\` (https://example.com/a), and\nbelow (${docs}troubleshooting.md#nxac013).`,
  ].join(' ');
  assert.deepEqual(explain(['NXAC001'], page), {
    stdout: `${text}\n\n- \`a **line** [of ours](x)\`: why.\n\n${urlOf('NXAC001')}\n`,
    stderr: '',
    exitCode: 0,
  });
});

test('a code has several spellings', () => {
  for (const code of ['NXAC013', 'nxac013', '13', 'nxac-013']) {
    assert.equal(
      explain([code], page)?.stdout,
      `NXAC013\n\nThirteen.\n\n${urlOf('NXAC013')}\n`,
    );
  }
});

test('an unknown code exits with 2 and names near ones', () => {
  const near = (/** @type {string} */ code) => {
    const { stdout, stderr, exitCode } = explain([code], page) ?? {};
    assert.deepEqual([stdout, exitCode], ['', 2]);
    assert.match(`${stderr}`, /^nx-azure-cache: help: there is no code NXAC/);
    return stderr?.match(/(?<=^ {2})NXAC\d+/gm) ?? [];
  };
  assert.deepEqual(near('NXAC002'), ['NXAC001']);
  assert.deepEqual(near('NXAC031'), ['NXAC001', 'NXAC013']);
  assert.deepEqual(near('NXAC019'), ['NXAC013', 'NXAC014']);
  assert.deepEqual(near('NXAC999'), []);
});

test('everything else is for the binary', () => {
  for (const args of [[], ['ls'], ['keys', 'show'], ['NXAC013', 'ls']]) {
    assert.equal(explain(args, page), undefined);
  }
});

test('every code of a line has a section', () => {
  const sections = sectionsOf(readPage());
  for (const [name, code] of Object.entries(diagnostics)) {
    assert.match(titleOf(sections.get(code) ?? ''), /^.{10,100}\.$/, name);
    assert.match(`${explain([code])?.stdout}`, new RegExp(`^${code}\n\n`));
  }
});

test('npx nx-azure-cache help CODE needs no binary', (t) => {
  const launcher = path.join(packageFolder, 'bin', 'nx-azure-cache.js');
  const cwd = temporaryFolder(t);
  const binary = path.join(cwd, 'none');
  const env = environment(cwd, { NX_AZURE_CACHE_BINARY: binary });
  const run = (/** @type {string} */ code) =>
    spawnSync(process.execPath, [launcher, 'help', code], {
      cwd,
      encoding: 'utf8',
      env,
    });
  const known = run('nxac001');
  assert.deepEqual([known.status, known.stderr], [0, '']);
  assert.match(known.stdout, /^NXAC001\n\nThe binary for this platform/);
  const unknown = run('NXAC999');
  assert.deepEqual([unknown.status, unknown.stdout], [2, '']);
});
