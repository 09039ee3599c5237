'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const {
  codeOf,
  diagnostics,
  isProblem,
  urlOf,
  withCode,
  withDiagnostic,
} = require('../lib/diagnostics');
const { packageFolder } = require('./fixture');

const url =
  'https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/troubleshooting.md#nxac005';

test('a line ends with its code and the address of its section', () => {
  assert.equal(
    withCode('lost', diagnostics.processLost),
    `lost (NXAC005: ${url})`,
  );
});

test('what a server sent instead of a code is not shown', () => {
  for (const code of [
    undefined,
    null,
    '',
    5,
    'NXAC5',
    'NXAC005)\nx',
    ['NXAC005'],
  ]) {
    assert.equal(urlOf(code), '');
    assert.equal(withCode('lost', code), 'lost');
  }
});

test('the first code of an error stays', () => {
  const { bug, diskFull, processLost } = diagnostics;
  const err = withDiagnostic(bug, withDiagnostic(diskFull, new Error('x')));
  assert.equal(codeOf(err), diskFull);
  const sent = Object.assign(new Error('x'), { data: { diagnostic: bug } });
  assert.equal(codeOf(withDiagnostic(processLost, sent)), bug);
  for (const value of [undefined, null, 'x', {}, new Error('x')]) {
    assert.equal(codeOf(value), undefined);
    assert.equal(codeOf({ data: value }), undefined);
  }
  assert.equal(withDiagnostic(bug, 'not an error'), 'not an error');
});

test('notes are no problems', () => {
  assert.equal(isProblem(diagnostics.storedInBackground), false);
  assert.equal(isProblem(diagnostics.drainLimit), true);
  assert.equal(isProblem(''), true);
  assert.equal(isProblem('NXAC109'), true);
  assert.equal(isProblem('NXAC120'), false);
});

test('each code is used', () => {
  const { files } = require('../package.json');
  const sources = files
    .flatMap((/** @type {string} */ file) => {
      const found = path.join(packageFolder, file);
      if (!fs.statSync(found).isDirectory()) return [found];
      return fs
        .readdirSync(found, { recursive: true, encoding: 'utf8' })
        .map((name) => path.join(found, name));
    })
    .filter((/** @type {string} */ file) => /\.js$/.test(file))
    .filter((/** @type {string} */ file) => !file.endsWith('diagnostics.js'))
    .map((/** @type {string} */ file) => fs.readFileSync(file, 'utf8'))
    .join('\n');
  // Other identifiers have some of these names, so the bare word is no use.
  const single = /\bdiagnostics\.(\w+)/g;
  const destructured =
    /\bdiagnostics: \{([^{}]*)\}|\{([^{}]*)\} =\s+diagnostics;/g;
  const used = [
    ...[...sources.matchAll(single)].map(([, name]) => name),
    ...[...sources.matchAll(destructured)].flatMap(([, inner, before]) =>
      [...(inner ?? before).matchAll(/(\w+)(: \w+)?/g)].map(([, name]) => name),
    ),
  ];
  const unused = Object.keys(diagnostics).filter(
    (name) => !used.includes(name),
  );
  assert.deepEqual(unused, []);
});
