'use strict';

// Another machine restores a link as Nx restores it from the local cache, or the cache skips
// the result with a line that names the link. Nx 24 rejects a remote result if a link points
// out of its output: it warns and runs the task every time. So Nx 24 must get no such result.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { startFixture } = require('../kit/fixture');
const { outputs, runNx } = require('../kit/nx-runs');
const { fullTest } = require('../kit/tests');

/** @import { Machine } from '../kit/machine' */

/**
 * @typedef {object} Kind
 * @property {string} from path of the link below dist/NAME
 * @property {string} to its target
 * @property {string[]} [outputs] the declared outputs below dist; default: NAME
 * @property {'all' | 'before 24' | 'none'} stored with which versions of Nx
 */

/** @type {Record<string, Kind>} */
const kinds = {
  'to-a-file': { from: 'a/l', to: 'f', stored: 'all' },
  'to-a-folder': { from: 'l', to: 'a', stored: 'all' },
  up: { from: 'a/l', to: '../b/f', stored: 'all' },
  'to-its-own-folder': { from: 'a/l', to: '../a', stored: 'all' },
  'to-the-folder-it-is-in': { from: 'a/l', to: '.', stored: 'all' },
  'to-nothing': { from: 'l', to: 'nothing', stored: 'all' },
  'to-itself': { from: 'l', to: 'l', stored: 'all' },
  'through-another': { from: 'l', to: 'link-to-a/f', stored: 'all' },
  'with-dots': { from: 'l', to: './a//./f', stored: 'all' },
  'of-a-glob': {
    from: 'a/l',
    to: '../b/f',
    outputs: ['of-a-glob/**/*'],
    stored: 'all',
  },
  'between-matches': {
    from: 'a/l',
    to: '../b/f',
    outputs: ['between-matches/*'],
    stored: 'all',
  },
  'to-the-output': { from: 'l', to: '.', stored: 'before 24' },
  'up-to-the-output': { from: 'a/l', to: '..', stored: 'before 24' },
  'out-and-back': { from: 'l', to: '../out-and-back/a/f', stored: 'before 24' },
  'to-a-sibling': {
    from: 'a/l',
    to: '../b/f',
    outputs: ['to-a-sibling/a', 'to-a-sibling/b'],
    stored: 'before 24',
  },
  'to-a-sibling-folder': {
    from: 'a/l',
    to: '../b',
    outputs: ['to-a-sibling-folder/a', 'to-a-sibling-folder/b'],
    stored: 'before 24',
  },
  'out-of-a-glob': {
    from: 'a/l',
    to: '../b/f',
    outputs: ['out-of-a-glob/a/*', 'out-of-a-glob/b/*'],
    stored: 'before 24',
  },
  'an-output': {
    from: 'l',
    to: 'a/f',
    outputs: ['an-output/l', 'an-output/a'],
    stored: 'before 24',
  },
  'up-behind-a-name': { from: 'l', to: 'a/../b/f', stored: 'none' },
  'into-node_modules': {
    from: 'l',
    to: '../../node_modules/nx',
    stored: 'before 24',
  },
  'out-of-the-workspace': {
    from: 'l',
    to: '../../../x',
    stored: 'none',
  },
  absolute: { from: 'l', to: '/etc/hostname', stored: 'none' },
};

/**
 * Returns the kinds for a version of Nx. Before 22, Nx itself fails to cache links that a glob of
 * files matches.
 *
 * @param {string} [nx]
 */
const kindsFor = (nx) =>
  Object.entries(kinds).filter(
    ([, { outputs = [] }]) =>
      !nx?.startsWith('20.') || !outputs.some((output) => /\/\*/.test(output)),
  );

/**
 * @param {Machine} machine
 * @param {string} [nx]
 */
function writeKinds({ workspace }, nx) {
  for (const name of ['colors', 'site', 'words']) {
    fs.rmSync(path.join(workspace, name), { recursive: true });
  }
  fs.writeFileSync(
    path.join(workspace, 'tools', 'link.js'),
    `const fs = require('node:fs');
    const [dist, from, to] = process.argv.slice(2);
    fs.rmSync(dist, { recursive: true, force: true });
    for (const folder of ['a', 'b', 'c']) {
      fs.mkdirSync(dist + '/' + folder, { recursive: true });
      fs.writeFileSync(dist + '/' + folder + '/f', folder);
    }
    fs.symlinkSync('a', dist + '/link-to-a');
    fs.symlinkSync(to, dist + '/' + from);`,
  );
  for (const [name, { from, to, outputs = [name] }] of kindsFor(nx)) {
    const folder = path.join(workspace, 'many', name);
    fs.mkdirSync(folder, { recursive: true });
    const build = {
      command: `node tools/link.js dist/${name} ${from} ${to}`,
      outputs: outputs.map((output) =>
        output.replace(/^/, '{workspaceRoot}/dist/'),
      ),
    };
    fs.writeFileSync(
      path.join(folder, 'project.json'),
      JSON.stringify({ name, targets: { build } }),
    );
  }
}

for (const [version, nx] of /** @type {const} */ ([
  ['newest', undefined],
  ['22.7.12', '22.7.12'],
  ['20.8.4', '20.8.4'],
])) {
  fullTest(`links_are_restored_as_Nx_does_${version}`, async (t) => {
    const { machine } = await startFixture(t, { nx });
    const args = ['run-many', '--target=build', '--parallel=3'];
    const [a, b] = ['a', 'b'].map((name) => {
      const prepared = machine(name);
      writeKinds(prepared, nx);
      return prepared;
    });
    const lines = await runNx(a, args);
    const dist = path.join(a.workspace, 'dist');
    fs.rmSync(dist, { recursive: true });
    await runNx(a, args); // restores from the local cache
    const local = outputs(a);

    const { output, code } = await b.nx(args);
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /Ignoring the remote cache result/);
    const last = b.lastRun();
    const isOld = nx !== undefined;
    for (const [name, { stored }] of kindsFor(nx)) {
      const isStored = stored === 'all' || (stored === 'before 24' && isOld);
      const { cacheStatus } = last[`${name}:build`];
      const expected = isStored ? 'remote-cache-hit' : 'cache-miss';
      assert.equal(cacheStatus, expected, name);
    }
    const notStored = /the result \d+ cannot be stored: link \S+ -> \S+ /;
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], notStored);
    assert.match(output, notStored);

    fs.rmSync(path.join(b.workspace, 'dist'), { recursive: true });
    await runNx(b, args);
    assert.deepEqual(outputs(b), local);
  });
}
