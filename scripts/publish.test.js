'use strict';

// Publishes builds to Verdaccio, with the commands and the configuration of docs/publishing.md.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const yaml = require('yaml');
const { build, platforms, version } = require('./build');
const { blocks, read } = require('./docs/pages');
const { cleanUp, temporaryFolder } = require('./kit/cleanup');
const { kept } = require('./kit/kept');
const { alias, platformPackage, specifier } = require('./kit/names');
const { attempt, run } = require('./kit/run');
const { startVerdaccio } = require('./kit/verdaccio');

const temporary = temporaryFolder('publish');
const packages = path.join(temporary, 'dist/npm');
const names = [
  ...platforms.map(({ os, cpu }) => `@nx-azure-cache/${os}-${cpu}`),
  'nx-azure-cache',
  alias,
];

/** @type {Awaited<ReturnType<typeof startVerdaccio>>} */
let verdaccio;
/** @type {NodeJS.ProcessEnv} */
let env;

const page = read('docs/publishing.md');

/** The only block of the page with a string in it. @param {string} language @param {string} part */
function block(language, part) {
  const found = blocks(page, language).filter((code) => code.includes(part));
  assert.equal(found.length, 1, part);
  return found[0];
}

before(async () => {
  verdaccio = await startVerdaccio(configuration());
  await logIn();
  env = {
    ...process.env,
    npm_config_cache: path.join(kept, 'npm'),
    npm_config_registry: verdaccio.url,
    npm_config_userconfig: verdaccio.npmrc,
  };
});
after(cleanUp);

/** The configuration of the page, with this machine's registry instead of npmjs.com. */
function configuration() {
  const { storage, uplinks, ...rest } = yaml.parse(block('yaml', 'uplinks:'));
  assert.equal(storage, './storage');
  assert.deepEqual(Object.keys(uplinks), [rest.packages['**'].proxy]);
  rest.packages['**'].proxy = 'machine';
  return rest;
}

/** What `npm login` does. It asks for a name and a password. */
async function logIn() {
  const url = `${verdaccio.url}-/user/org.couchdb.user:publisher`;
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'publisher', password: 'of-this-test' }),
  });
  const { token } = /** @type {{ token: string }} */ (await response.json());
  assert.ok(token, `${response.status}`);
  const key = verdaccio.url.replace('http:', '');
  fs.writeFileSync(verdaccio.npmrc, `${key}:_authToken=${token}\n`);
}

/**
 * Builds the packages with files in place of the binaries.
 *
 * @param {typeof platforms} [targets]
 */
const buildPackages = (targets) =>
  build({
    targets,
    out: packages,
    async compile(file) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 });
    },
  });

/** Runs the loop of docs/publishing.md, unchanged. */
function publish(added = {}) {
  const options = { cwd: temporary, env: { ...env, ...added } };
  return attempt('bash', ['-c', block('sh', 'npm publish')], options);
}

async function published() {
  const found = await Promise.all(
    names.map(async (name) => {
      const { status } = await fetch(`${verdaccio.url}${name}/${version}`);
      return status === 200 ? [name] : [];
    }),
  );
  return found.flat();
}

describe('publishing', { skip: process.platform === 'win32' }, () => {
  test('a build for one platform is refused, and the error names the command', async () => {
    await buildPackages();
    const { output } = await publish();
    const here = `${process.platform}-${process.arch}`;
    assert.ok(output.includes(`1 of 6 platforms (${here})`), output);
    assert.match(output, /"npm ci" fails with EUSAGE/);
    assert.match(output, /Run "npm run build -- --all" in the clone/);
    assert.deepEqual(await published(), []);

    const main = path.join(packages, 'nx-azure-cache');
    const { code, output: ofPack } = await attempt('npm', ['pack', main], {
      cwd: temporary,
      env,
    });
    assert.notEqual(code, 0);
    assert.match(ofPack, /npm run build -- --all/);
  });

  test('a build for one platform is refused by an npm that runs no scripts', async () => {
    await buildPackages();
    const { output } = await publish({ npm_config_ignore_scripts: 'true' });
    assert.match(output, /EPRIVATE/);
    assert.deepEqual(await published(), []);
  });

  test('a full build is published, and npm ci in a clone installs it', async () => {
    await buildPackages(platforms);
    const { output } = await publish();
    assert.deepEqual(await published(), names, output);

    const [check] = block('sh', 'dist.integrity').split('\n\n');
    const { stdout } = await run('bash', ['-ec', check], {
      cwd: temporary,
      env,
    });
    for (const name of names.slice(0, platforms.length)) {
      assert.ok(stdout.includes(`"${name}": "${version}"`), stdout);
      assert.match(stdout, new RegExp(`name = '${name}'`));
    }

    const [workspace, clone] = ['workspace', 'clone'].map((name) =>
      path.join(temporary, name),
    );
    fs.mkdirSync(workspace);
    fs.writeFileSync(path.join(workspace, 'package.json'), '{}');
    // The peer dependency nx is large, and not what this tests.
    const npm = { ...env, npm_config_legacy_peer_deps: 'true' };
    const options = { cwd: workspace, env: npm };
    await run('npm', ['install', '--save-dev', specifier], options);

    fs.mkdirSync(clone);
    for (const file of ['package.json', 'package-lock.json']) {
      fs.copyFileSync(path.join(workspace, file), path.join(clone, file));
    }
    await run('npm', ['ci'], { cwd: clone, env: npm });
    for (const name of [alias, platformPackage]) {
      assert.ok(fs.existsSync(path.join(clone, 'node_modules', name)), name);
    }
  });
});
