'use strict';

// nx#31085, #19502: the cache followed links, which broke outputs of pnpm and Next.js.

const assert = require('node:assert/strict');
const path = require('node:path');
const { listBlobs } = require('../kit/azurite');
const { startFixture } = require('../kit/fixture');
const { shared } = require('../kit/shared');
const { fullTest, quickTest } = require('../kit/tests');
const { readTree } = require('../kit/tree');
const { assertUndisturbed } = require('./undisturbed');
const { outputsWithoutCache, setBuild } = require('./workspace');

const args = ['run', 'words:build'];

/** A small version of what `next build` creates with pnpm and output: 'standalone'. */
const standalone = `
  const write = (file, text = file, mode = 0o644) => {
    fs.mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
    fs.writeFileSync(path.join(dist, file), text, { mode });
  };
  const link = (target, file) => {
    fs.mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
    fs.symlinkSync(target, path.join(dist, file));
  };
  const pnpm = '.next/standalone/node_modules/.pnpm';
  write('.next/BUILD_ID');
  write('.next/standalone/server.js', '#!/usr/bin/env node\\n', 0o755);
  write('.next/standalone/.next/server/app/[...slug]/page.js');
  write(pnpm + '/next@15.0.0_react@19.0.0/node_modules/next/package.json', '{}');
  write(pnpm + '/next@15.0.0_react@19.0.0/node_modules/next/dist/bin/next', '', 0o755);
  write(pnpm + '/react@19.0.0/node_modules/react/index.js');
  write(pnpm + '/@swc+helpers@0.5.13/node_modules/@swc/helpers/index.js');
  // links to folders
  link('../../react@19.0.0/node_modules/react', pnpm + '/next@15.0.0_react@19.0.0/node_modules/react');
  link('../../../@swc+helpers@0.5.13/node_modules/@swc/helpers', pnpm + '/next@15.0.0_react@19.0.0/node_modules/@swc/helpers');
  link('.pnpm/next@15.0.0_react@19.0.0/node_modules/next', '.next/standalone/node_modules/next');
  // links to links
  link('../next@15.0.0_react@19.0.0/node_modules/react', pnpm + '/node_modules/react');
  link('.pnpm/node_modules/react', '.next/standalone/node_modules/react');
  link('standalone', '.next/current');
  link('current', '.next/latest');
  link('latest/server.js', '.next/start');
  // to itself, to its parent, dangling, in a circle
  link('.', '.next/self');
  link('..', '.next/standalone/parent');
  link('nowhere/at/all', '.next/dangling');
  link('circle-b', '.next/circle-a');
  link('circle-a', '.next/circle-b');
  fs.mkdirSync(path.join(dist, '.next/cache'), { recursive: true });`;

quickTest('F14_links_stay_links', async (t) => {
  const fixture = await startFixture(t);
  const makeMachine = (/** @type {string} */ name) => {
    const machine = fixture.machine(name);
    setBuild(machine, standalone);
    return machine;
  };
  const outputs = await outputsWithoutCache(
    fixture,
    (machine) => setBuild(machine, standalone),
    args,
  );
  const [a, b] = [makeMachine('a'), makeMachine('b')];
  const expected = { args, line: null, status: null, outputs };
  await assertUndisturbed(a, expected);
  await assertUndisturbed(b, expected);
  const { cacheStatus, hash } = b.lastRun()['words:build'];
  assert.equal(cacheStatus, 'remote-cache-hit');
  assert.deepEqual(
    readTree(path.join(b.cacheDirectory() ?? '', hash), { times: true }),
    readTree(path.join(a.cacheDirectory() ?? '', hash), { times: true }),
  );
  assert.ok(
    Object.values(outputs).filter((facts) => facts.includes('->')).length > 10,
  );
});

for (const [name, target] of Object.entries({
  a_link_out_of_the_outputs: '../../../node_modules/nx',
  an_absolute_link: '/etc/hostname',
})) {
  fullTest(`F14_${name}_is_not_stored`, async (t) => {
    const fixture = await startFixture(t);
    const prepare = (/** @type {any} */ machine) =>
      setBuild(
        machine,
        `fs.writeFileSync(path.join(dist, 'file'), '');
        fs.symlinkSync('${target}', path.join(dist, 'link'));`,
      );
    const outputs = await outputsWithoutCache(fixture, prepare, args);
    const a = fixture.machine('a');
    prepare(a);
    await assertUndisturbed(a, {
      ...{ args, outputs, status: null },
      line: /cannot be stored.*link/,
    });
    assert.deepEqual(await listBlobs(shared().azurite, fixture.container), []);
  });
}
