'use strict';

// npm test [-- STEP …]
//
// Everything CI runs, or only the steps that are named. Each step is a command
// that works alone, too; this installs what they need and starts Azurite.

const path = require('node:path');
const { startAzurite, createContainer } = require('./kit/azurite');
const { buildBlobService } = require('./kit/blob-service');
const { runMain } = require('./kit/cleanup');
const { goEnvironment, raceEnvironment } = require('./kit/go');
const { install } = require('./kit/install');
const { provideToOthers } = require('./kit/programs');
const { attempt, run } = require('./kit/run');
const { buildServer } = require('./kit/sessions/programs');
const { environmentOf, startShared } = require('./kit/shared');
const { testedPlatforms } = require('./kit/tested-platforms');
const { testFiles } = require('./kit/test-files');

const staticcheck = 'honnef.co/go/tools/cmd/staticcheck@v0.8.2';

/** @type {Record<string, () => Promise<unknown>>} */
const steps = {
  async lint() {
    await gofmt();
    await show('go', ['mod', 'tidy', '-diff']);
    await show('go', ['vet', './...'], goEnvironment);
    await show('go', ['run', staticcheck, './...'], goEnvironment);
    for (const { os, goos: GOOS, goarch: GOARCH } of testedPlatforms) {
      if (os === process.platform) continue; // done above
      await show('go', ['vet', './...'], { ...goEnvironment, GOOS, GOARCH });
    }
    await show('node', ['scripts/check-imports.js']);
    await show('node', ['scripts/check-words.js', '--source']);
    await show('npx', ['prettier', '--check', '.']);
    await show('npx', ['tsc', '--project', 'tsconfig.json']);
  },

  async go() {
    const { connectionString } = await startAzurite();
    const container = 'gotest';
    await createContainer(connectionString, container);
    const env = {
      NX_AZURE_CACHE_TEST_AZURITE: connectionString,
      NX_AZURE_CACHE_TEST_CONTAINER: container,
      NX_AZURE_CACHE_TEST_NO_SKIP: '1',
    };
    const test = ['test', '-vet=off', '-count=1'];
    await show('go', [...test, '-race', './...'], {
      ...raceEnvironment,
      ...env,
    });
    // Compiled as for the release: lint has compiled most of it.
    const { packages, names } = await testsThatSkipWithRace();
    const { GOGC, ...compileAsRelease } = goEnvironment; // the tests measure memory
    const only = `-run=^(${names.join('|')})$`;
    await show('go', [...test, only, ...packages], {
      ...compileAsRelease,
      ...env,
    });
  },

  async js() {
    const files = [...testFiles('npm'), ...testFiles('scripts', isNotE2e)];
    const env = await provideToOthers(buildBlobService, (folder) =>
      buildServer(folder, 'development'),
    );
    // Two files run three or four tests each beside the Go tests: more are only late.
    await show('node', ['--test', '--test-concurrency=2', ...files], env);
  },

  async e2e() {
    await showSuite('e2e', '--quick');
  },

  async matrix() {
    await showSuite('matrix', '--quick');
  },

  async faults() {
    // Of the quick ones those that nothing else here is like: CI has 15 minutes.
    const rows = 'F01 F04 F10 F19 F22 F23 F24 F25 F30 background'.split(' ');
    await showSuite('faults', '--quick', ...rows);
  },

  async redteam() {
    await showSuite('redteam', '--quick');
  },
};

/** @type {Promise<import('./kit/shared').Shared> | undefined} */
let shared;

/**
 * Runs a suite. What the suites share is started by the first.
 *
 * @param {string} name
 * @param {...string} args
 */
async function showSuite(name, ...args) {
  shared ??= startShared();
  const env = environmentOf(await shared);
  await show('node', [`scripts/${name}.js`, ...args], env);
}

/** The Go tests that are too slow with the race detector, and their packages: package cachetest. */
async function testsThatSkipWithRace() {
  const { stdout } = await run('git', [
    ...['grep', '--show-function', 'cachetest.SkipWithRace', '--', '*_test.go'],
  ]);
  const packages = new Set();
  const names = new Set();
  // Before each call, git shows the function that contains it.
  for (const [, file, line] of stdout.matchAll(/^([^=:]*)=(.*)/gm)) {
    const [, name] = /^func (Test\w+)\(/.exec(line) ?? [];
    if (!name)
      throw new Error(`${file} calls SkipWithRace in no test: ${line}`);
    packages.add(`./${path.posix.dirname(file)}`);
    names.add(name);
  }
  return { packages: [...packages], names: [...names] };
}

/**
 * Steps that run at the same time: both wait for others more than they compute.
 */
const together = ['go', 'js'];

/** Those with a real Nx need what scripts/e2e.js and its like set up. */
const isNotE2e = (/** @type {string} */ file) =>
  !/^(e2e|faults|redteam)[\\/]/.test(file);

/** gofmt succeeds whatever it finds. */
async function gofmt() {
  console.log('$ gofmt -l .');
  const { stdout } = await run('gofmt', ['-l', '.']);
  if (stdout) throw new Error(`not formatted:\n${stdout}`);
}

/**
 * Runs a command and shows what it prints.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] added
 */
async function show(command, args, env = {}) {
  const variables = Object.keys(env).map((name) => `${name}=… `);
  console.log(`$ ${variables.join('')}${command} ${args.join(' ')}`);
  await run(command, args, { echo: true, env: { ...process.env, ...env } });
}

/**
 * Runs steps at the same time, each in a process of its own. The first shows what it
 * does; what the others print comes after it.
 *
 * @param {string[]} names
 */
async function runTogether(names) {
  const results = await Promise.all(
    names.map((name, i) =>
      attempt(process.execPath, [__filename, name], { echo: i === 0 }),
    ),
  );
  for (const { output } of results.slice(1)) process.stdout.write(output);
  const failed = names.filter((_, i) => results[i].code !== 0);
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`);
}

/** @param {string} name */
async function runStep(name) {
  console.log(`\n● ${name}`);
  const started = performance.now();
  await steps[name]();
  const seconds = (performance.now() - started) / 1000;
  console.log(`✔ ${name} (${seconds.toFixed(0)} s)`);
}

async function main() {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    const known = Object.keys(steps).join(', ');
    throw new Error(
      `unknown step ${unknown.join(', ')}; the steps are ${known}`,
    );
  }
  await install();
  const chosen = names.length > 0 ? names : Object.keys(steps);
  const isPair = together.every((name) => chosen.includes(name));
  for (const name of chosen) {
    if (!isPair || !together.includes(name)) await runStep(name);
    else if (name === together[0]) await runTogether(together);
  }
}

runMain(main);
