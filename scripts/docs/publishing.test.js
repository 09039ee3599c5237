'use strict';

// The commands that docs/publishing.md tells people to paste, with an npm that
// only takes notes.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { describe, test } = require('node:test');
const yaml = require('yaml');
const { platforms } = require('../build');
const { blocks, read } = require('./pages');

/** @import { TestContext } from 'node:test' */

const page = read('docs/publishing.md');
const commands = blocks(page, 'sh').find((code) =>
  code.includes('npm publish'),
);
const workflow = blocks(page, 'yaml').find((code) => code.includes('jobs:'));
const { jobs } = yaml.parse(workflow ?? '');
const step = jobs.publish.steps.at(-1);

const ofPlatforms = platforms
  .map(({ os, cpu }) => `@nx-azure-cache/${os}-${cpu}`)
  .sort();

/**
 * Runs commands in a folder with packages as `npm run build -- --all` makes them.
 *
 * @param {TestContext} t
 * @param {string} code
 * @param {{ there?: string[], refused?: string }} [registry] packages it has, and
 *   one that it refuses
 */
function publish(t, code, { there = [], refused = '' } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'publishing-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const name of [
    ...ofPlatforms,
    'nx-azure-cache',
    '@nx/powerpack-azure-cache',
  ]) {
    const at = path.join(folder, 'dist/npm', name);
    fs.mkdirSync(at, { recursive: true });
    const manifest = JSON.stringify({ name, version: '1.2.3' });
    fs.writeFileSync(path.join(at, 'package.json'), manifest);
  }
  const notes = path.join(folder, 'notes');
  fs.writeFileSync(notes, '');
  const known = there.map((name) => `${name}@1.2.3`).join(' ');
  fs.mkdirSync(path.join(folder, 'bin'));
  fs.writeFileSync(
    path.join(folder, 'bin/npm'),
    `#!/bin/sh
case "$1" in
  view) case " ${known} " in *" $2 "*) exit 0 ;; *) exit 1 ;; esac ;;
  publish) [ "$2" = "./${refused}" ] && exit 1; echo "$@" >> "${notes}" ;;
esac
`,
    { mode: 0o755 },
  );
  const { status } = spawnSync('bash', ['-e', '-c', code], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${path.join(folder, 'bin')}${path.delimiter}${process.env.PATH}`,
    },
  });
  const published = fs.readFileSync(notes, 'utf8').trim().split('\n');
  return { status, published: published.filter(Boolean) };
}

describe('publishing', { skip: process.platform === 'win32' }, () => {
  const main = 'publish ./nx-azure-cache';
  const alias = 'publish ./@nx/powerpack-azure-cache';
  const first = ofPlatforms.map((name) => `publish ./${name}`);

  test('platforms come first, the alias package last', (t) => {
    const { status, published } = publish(t, commands ?? '');
    assert.deepEqual(published, [...first, main, alias]);
    assert.equal(status, 0);
  });

  test('what is there is left alone', (t) => {
    const there = [ofPlatforms[0], 'nx-azure-cache'];
    const { published } = publish(t, commands ?? '', { there });
    assert.deepEqual(published, [...first.slice(1), alias]);
  });

  test('the main package never names one that is not there', (t) => {
    const refused = ofPlatforms[2];
    const { published } = publish(t, commands ?? '', { refused });
    assert.deepEqual(published, first.slice(0, 2));
  });

  test('the workflow publishes what npmjs.com takes, with provenance', (t) => {
    const code = `cd ${step['working-directory']}\n${step.run}`;
    const { status, published } = publish(t, code);
    const flags = '--access public --provenance';
    assert.deepEqual(
      published,
      [...first, main].map((line) => `${line} ${flags}`),
    );
    assert.equal(status, 0);
    assert.equal(jobs.publish.permissions['id-token'], 'write');
    // What the other job installs and runs must not publish.
    assert.equal(jobs.build.permissions, undefined);
    assert.equal(jobs.build.environment, undefined);
    const refused = ofPlatforms[2];
    assert.notEqual(publish(t, code, { refused }).status, 0);
  });

  test('every platform is checked afterwards', () => {
    const [, list] = /for PLATFORM in (.*); do/.exec(page) ?? [];
    const names = list.split(' ').map((name) => `@nx-azure-cache/${name}`);
    assert.deepEqual(names.sort(), ofPlatforms);
  });
});
